//! A traffic light where pedestrians want to cross, which draws itself.
//!
//! What to look for: the cars' light stays green until somebody presses the button; each other
//! state ends by its state timeout, which is started as the state is entered. Who presses the
//! button while the light is about to turn green presses it for the next time: that event is
//! postponed. The machine declares what leads from one state to another. That is drawn, and in
//! builds with debug assertions what happens and is not declared would be reported.
//!
//! Run it with `cargo run --example traffic_light`, which also prints the machine for
//! [Mermaid](https://mermaid.js.org), or with `-- --dot`, which only prints it for
//! [Graphviz](https://graphviz.org): pipe it to `dot -Tsvg`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::env;
use std::error::Error;
use std::time::Duration;

use procession::gen_statem::{Diagram, InitResult};
use procession::prelude::*;

/// What the light shows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Light {
    Green,
    Amber,
    Red,
    RedAmber,
}

#[derive(Debug)]
struct TrafficLight {
    /// Who is sent each [`Light`].
    watcher: Pid,
}

#[derive(Debug)]
enum Event {
    /// A pedestrian has pressed the button.
    Press,
    /// The state has lasted long enough.
    Next,
}

impl GenStatem for TrafficLight {
    type Args = Pid;
    type State = Light;
    type Event = Event;

    fn diagram() -> Option<Diagram> {
        let diagram = Diagram::new()
            .initial("Green")
            .transition("Green", "Press", "Amber")
            .transition("Amber", "Next", "Red")
            .transition("Red", "Next [pedestrians have crossed]", "RedAmber")
            .transition("RedAmber", "Next", "Green");
        Some(diagram)
    }

    fn init(watcher: Pid) -> InitResult<Self> {
        started(Light::Green, TrafficLight { watcher })
    }

    fn state_enter(&mut self, _: &Light, light: &Light) -> EnterResult<Self> {
        process::send(self.watcher, *light);
        let milliseconds = match light {
            Light::Green => return entered(),
            Light::Amber | Light::RedAmber => 20,
            Light::Red => 50,
        };
        entered().state_timeout(Duration::from_millis(milliseconds), Event::Next)
    }

    fn handle_event(&mut self, _: EventType, event: Event, light: &Light) -> StateResult<Self> {
        match (light, event) {
            (Light::Green, Event::Press) => next_state(Light::Amber),
            // They are about to cross, or do.
            (Light::Amber | Light::Red, Event::Press) => keep_state(),
            (Light::RedAmber, Event::Press) => keep_state().postpone(Event::Press),
            (Light::Amber, Event::Next) => next_state(Light::Red),
            (Light::Red, Event::Next) => next_state(Light::RedAmber),
            (Light::RedAmber | Light::Green, Event::Next) => next_state(Light::Green),
        }
    }
}

/// Waits until the light shows something else, and says what.
fn watch() -> Light {
    receive! {
        light: Light => {
            println!("{light:?}");
            light
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let diagram = TrafficLight::diagram().expect("it has one");
    if env::args().nth(1).as_deref() == Some("--dot") {
        print!("{}", diagram.dot());
        return Ok(());
    }
    print!("{}", diagram.mermaid());

    let light = TrafficLight::start_link(process::self_pid())?;
    while watch() != Light::Green {}
    println!("a pedestrian presses the button");
    light.cast(Event::Press);
    while watch() != Light::RedAmber {}
    println!("another one comes too late, and presses it for the next time");
    light.cast(Event::Press);
    while watch() != Light::RedAmber {}
    while watch() != Light::Green {}
    light.stop()?;
    Ok(())
}
