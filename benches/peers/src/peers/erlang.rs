//! Erlang's own `gen_server`, where Erlang is installed. The work is in `erlang.escript`.

use std::process::Command;

use super::Entry;
use crate::meter::Meter;
use crate::subject::Subject;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/peers/erlang.escript");

pub(crate) const ENTRY: Entry =
    Entry { name: "erlang", title: "Erlang gen_server", version, measure };

/// The release, if there is an Erlang in the `PATH`.
fn version() -> Result<String, String> {
    let release = run(&["release"])?;
    Ok(format!("OTP {release}"))
}

fn measure(subject: Subject, meter: Meter) -> Option<f64> {
    let budget = meter.budget.as_millis().to_string();
    run(&[subject.name(), &budget]).unwrap().parse().ok()
}

/// What the script prints.
fn run(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("escript").arg(SCRIPT).args(arguments).output();
    let output = output.map_err(|error| format!("cannot run escript: {error}"))?;
    if !output.status.success() {
        return Err(format!("escript failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
