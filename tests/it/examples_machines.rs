//! The examples of state machines as programs.

use crate::examples::run;

mod code_lock {
    use super::*;

    const ONE_HANDLER: &str = "one handler for all states:\n\
                               the door is Locked\n\
                               the code has 3 digits\n\
                               the door is Open\n\
                               and 3 while it is open\n\
                               the door is Locked\n\
                               the door is Open\n\
                               the door is Locked\n";
    const STATE_FUNCTIONS: &str = "a function for each state:\n\
                                   the door is Locked\n\
                                   the door is Open\n\
                                   the code has 2 digits\n\
                                   the door is Locked\n\
                                   the state is locked\n";

    #[test]
    fn opens_by_the_code_and_locks_again_in_both_modes() {
        run("code_lock", &[]).assert_printed(&format!("{ONE_HANDLER}{STATE_FUNCTIONS}"));
    }

    #[test]
    fn shows_one_of_the_modes_if_asked() {
        run("code_lock", &["one_handler"]).assert_printed(ONE_HANDLER);
        run("code_lock", &["state_functions"]).assert_printed(STATE_FUNCTIONS);
    }
}

mod pushbutton {
    use super::*;

    #[test]
    fn toggles_counts_and_is_recorded() {
        run("pushbutton", &[]).assert_printed(
            "switched on 0 times\n\
             pushed: On\n\
             switched on 1 times\n\
             pushed: Off\n\
             pushed: On\n\
             switched on 2 times\n\
             sequenceDiagram\n\
             \u{20}   participant machine as pushbutton\n\
             \u{20}   participant c0 as a user\n\
             \u{20}   c0->>machine: Count(client)\n\
             \u{20}   machine-->>c0: u32\n\
             \u{20}   c0->>machine: Push(client)\n\
             \u{20}   machine-->>c0: Light\n\
             \u{20}   Note over machine: Off → On\n\
             \u{20}   c0->>machine: Count(client)\n\
             \u{20}   machine-->>c0: u32\n\
             \u{20}   c0->>machine: Push(client)\n\
             \u{20}   machine-->>c0: Light\n\
             \u{20}   Note over machine: On → Off\n\
             \u{20}   c0->>machine: Push(client)\n\
             \u{20}   machine-->>c0: Light\n\
             \u{20}   Note over machine: Off → On\n\
             \u{20}   c0->>machine: Count(client)\n\
             \u{20}   machine-->>c0: u32\n\
             \u{20}   Note over machine: ends (normal)\n\
             not pushed: no process is registered as \"pushbutton\" (call of Push)\n",
        );
    }
}

mod traffic_light {
    use super::*;

    #[test]
    fn draws_itself_and_lets_pedestrians_cross() {
        run("traffic_light", &[]).assert_printed(
            "stateDiagram-v2\n\
             \u{20}   [*] --> Green\n\
             \u{20}   Green --> Amber : Press\n\
             \u{20}   Amber --> Red : Next\n\
             \u{20}   Red --> RedAmber : Next [pedestrians have crossed]\n\
             \u{20}   RedAmber --> Green : Next\n\
             Green\n\
             a pedestrian presses the button\n\
             Amber\n\
             Red\n\
             RedAmber\n\
             another one comes too late, and presses it for the next time\n\
             Green\n\
             Amber\n\
             Red\n\
             RedAmber\n\
             Green\n",
        );
    }

    #[test]
    fn draws_itself_for_graphviz_if_asked() {
        run("traffic_light", &["--dot"]).assert_printed(
            "digraph machine {\n\
             \u{20}   rankdir=LR;\n\
             \u{20}   node [shape=box, style=rounded];\n\
             \u{20}   s0 [label=\"Green\"];\n\
             \u{20}   s1 [label=\"Amber\"];\n\
             \u{20}   s2 [label=\"Red\"];\n\
             \u{20}   s3 [label=\"RedAmber\"];\n\
             \u{20}   start [shape=point];\n\
             \u{20}   start -> s0;\n\
             \u{20}   s0 -> s1 [label=\"Press\"];\n\
             \u{20}   s1 -> s2 [label=\"Next\"];\n\
             \u{20}   s2 -> s3 [label=\"Next [pedestrians have crossed]\"];\n\
             \u{20}   s3 -> s0 [label=\"Next\"];\n\
             }\n",
        );
    }
}
