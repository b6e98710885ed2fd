//! The application: who supervises whom.

use std::time::Duration;

use procession::application::{self, Application, RunError};
use procession::observer::web::{Web, WebRef};
use procession::prelude::*;

use super::customers::customers;
use super::options::Options;
use super::shop::{Stock, tills, vans};

const OBSERVER: &str = "observer";

/// Runs the program until it is told to end.
pub(crate) fn run(options: Options) -> Result<(), RunError> {
    let web = Web::new().port(options.port).control(options.control);
    let start = move || {
        let top = Supervisor::one_for_one()
            // Whoever is allowed to kills children as they like.
            .intensity(100, Duration::from_secs(1))
            .child(Stock::named_child_spec("stock", ()))
            .child(tills(3).child_spec("tills"))
            .child(vans().child_spec("vans"))
            .child(customers().child_spec("customers"))
            .child(web.clone().named_child_spec(OBSERVER))
            .start_link()?;
        say_where()?;
        Ok(top)
    };
    application::run([Application::new("observed").description("a shop").start(start)])?;
    println!("stopped");
    Ok(())
}

fn say_where() -> Result<(), StartError> {
    let address = WebRef::named(OBSERVER).get_addr().map_err(ExitReason::from)?;
    println!("look at it: http://{address}/");
    println!("press Ctrl-C to stop it, or send it SIGTERM");
    Ok(())
}
