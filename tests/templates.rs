//! The templates for new programs: what they make compiles, passes its own tests, and runs. Cargo
//! builds it into the target directory of this package, which has its dependencies; in a binary of
//! its own, as that leaves little of the machine to other tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod program;
    pub(crate) mod wait;
}

use support::program::Program;

/// A program that was made from a template.
struct Made {
    name: String,
    folder: PathBuf,
}

impl Made {
    /// Does what `cargo generate` does.
    fn new(template: &str) -> Made {
        let name = format!("made-from-{template}");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
        _ = fs::remove_dir_all(&folder);
        let made = Made { name, folder };
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        made.copy(&package.join("templates").join(template), &made.folder);
        // The versions that are here already.
        fs::copy(package.join("Cargo.lock"), made.folder.join("Cargo.lock")).unwrap();
        made
    }

    fn copy(&self, from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let target = to.join(name.strip_suffix(".liquid").unwrap_or(&name));
            match entry.file_type().unwrap().is_dir() {
                true => self.copy(&entry.path(), &target),
                false if name == "cargo-generate.toml" => {}
                false => fs::write(target, self.filled(&entry.path())).unwrap(),
            }
        }
    }

    /// The text of a file, with what stands for the placeholders.
    fn filled(&self, path: &Path) -> String {
        let text = fs::read_to_string(path)
            .unwrap()
            .replace("{{project-name}}", &self.name)
            .replace("{{crate_name}}", &self.name.replace('-', "_"))
            .replace("{{procession_path}}", env!("CARGO_MANIFEST_DIR"));
        assert!(!text.contains("{{") && !text.contains("{%"), "{}: {text}", path.display());
        text
    }

    fn target(&self) -> &Path {
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
    }

    #[track_caller]
    fn cargo(&self, command: &str) -> String {
        let output = Command::new(env!("CARGO"))
            .args([command, "--offline", "--target-dir"])
            .arg(self.target())
            .current_dir(&self.folder)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "cargo {command}: {printed}{errors}");
        assert!(!errors.contains("warning"), "cargo {command}: {errors}");
        printed
    }

    /// Builds it, and starts what was built.
    #[track_caller]
    fn start(&self) -> Program {
        self.cargo("build");
        Program::start(&self.target().join("debug").join(&self.name), &[])
    }
}

#[test]
fn a_plain_program_passes_its_tests_and_counts() {
    let made = Made::new("plain");
    assert!(made.cargo("test").contains("4 passed"));
    made.start().finish().assert_printed("1\n2\n3\n");
}

#[cfg(unix)]
#[test]
fn an_application_passes_its_tests_and_runs_until_it_is_told_to_end() {
    let made = Made::new("application");
    assert_eq!(made.cargo("test").matches(" passed; 0 failed").count(), 4);
    for signal in ["TERM", "INT"] {
        let program = made.start();
        let line = program.line();
        assert_eq!(line, "made-from-application runs: end it with Ctrl-C or `kill`\n");
        program.signal(signal);
        program.finish().assert_printed("the counter ends at #: shutdown\n");
    }
}
