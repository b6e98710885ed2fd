//! The cores of the examples, with the unit tests that are in them. Cargo builds the examples
//! themselves without their tests, as it does not build one target twice.

#[path = "../../examples/clock/core.rs"]
mod clock;
#[expect(dead_code, reason = "some of it is for the program alone")]
#[path = "../../examples/code_lock/core.rs"]
mod code_lock;
#[path = "../../examples/egg_timer/core.rs"]
mod egg_timer;
#[path = "../../examples/handmade_calculator/core.rs"]
mod handmade_calculator;
#[expect(dead_code, reason = "some of it is for the program alone")]
#[path = "../../examples/kv_service/core.rs"]
mod kv_service;
#[path = "../../examples/shell_runner/core.rs"]
mod shell_runner;
#[path = "../../examples/super_duper/core.rs"]
mod super_duper;

use std::fs;
use std::path::Path;

#[test]
fn all_of_them_are_tested_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let declared = fs::read_to_string(root.join(file!())).unwrap();
    for entry in fs::read_dir(root.join("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if root.join("examples").join(&name).join("core.rs").is_file() {
            assert!(declared.contains(&format!("mod {name};")), "{name}");
        }
    }
}
