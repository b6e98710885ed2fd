//! The source's own invariants.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of this package.
struct File {
    /// Relative to the package.
    path: PathBuf,
    text: String,
}

impl File {
    fn read(path: impl Into<PathBuf>) -> File {
        let path = path.into();
        let text = fs::read_to_string(root().join(&path)).unwrap();
        File { path, text }
    }

    /// Its lines, with where they are.
    fn lines(&self) -> impl Iterator<Item = (String, &str)> {
        let place = |index| format!("{}:{}", self.path.display(), index + 1);
        self.text.lines().enumerate().map(move |(index, line)| (place(index), line))
    }

    /// Its lines without comments.
    fn code(&self) -> impl Iterator<Item = (String, &str)> {
        self.lines().map(|(place, line)| (place, line.split("//").next().unwrap()))
    }

    /// The module of `lib.rs` that it belongs to, if it is in `src`.
    fn top_module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src").ok()?;
        inside.iter().next()?.to_str()?.split('.').next()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files in `folders`, and in the folders in them.
fn rust_files(folders: &[&str]) -> Vec<File> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(File::read(path));
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!files.is_empty());
    files
}

fn all_rust_files() -> Vec<File> {
    rust_files(&["src", "tests", "examples", "benches"])
}

#[track_caller]
fn assert_none(violations: Vec<String>) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

/// The identifier that `code` begins with; empty if it begins with none.
fn leading_word(code: &str) -> &str {
    code.split(|c: char| c != '_' && !c.is_alphanumeric()).next().unwrap()
}

/// The module that a line like `pub(crate) mod name;` declares.
fn declared_module(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
    let line = line.strip_prefix("pub ").unwrap_or(line);
    line.strip_prefix("mod ")?.strip_suffix(';')
}

/// The macros that are seen as `crate::name` wherever they are written.
fn exported_macros(files: &[File]) -> Vec<&str> {
    let starts = files.iter().flat_map(|file| file.text.split("#[macro_export]").skip(1));
    starts
        .filter_map(|text| text.trim_start().strip_prefix("macro_rules! "))
        .map(leading_word)
        .collect()
}

/// Code may name only modules declared above its own in `lib.rs`. Comments may name any.
#[test]
fn imports_point_up() {
    let lib = File::read("src/lib.rs");
    let order: Vec<&str> = lib.text.lines().filter_map(declared_module).collect();
    let rank = |name: &str| order.iter().position(|module| *module == name);
    let files = rust_files(&["src"]);
    let macros = exported_macros(&files);
    assert!(order.contains(&"process") && macros.contains(&"receive"), "{order:?} {macros:?}");

    let mut violations = Vec::new();
    for file in &files {
        let Some(own) = file.top_module().and_then(rank) else { continue };
        for (place, code) in file.code() {
            // A macro's `$crate::` names what its user sees.
            let code = code.replace("$crate::", "");
            for used in code.split("crate::").skip(1).map(leading_word) {
                let points_up = rank(used).is_some_and(|other| other < own);
                if !points_up && !macros.contains(&used) {
                    violations.push(format!("{place}: {}", code.trim()));
                }
            }
        }
    }
    assert_none(violations);
}

/// An import for each module that is used: the head of a file lists what it depends on.
#[test]
fn imports_are_not_grouped_over_modules() {
    let mut violations = Vec::new();
    for file in rust_files(&["src"]) {
        let grouped = file.code().filter(|(_, code)| code.contains("crate::{"));
        violations.extend(grouped.map(|(place, _)| place));
    }
    assert_none(violations);
}

/// Every file in `src` belongs to a module that is declared, so the order above is of all of them.
#[test]
fn every_module_is_declared_at_the_top_of_its_parent() {
    let mut violations = Vec::new();
    for file in rust_files(&["src"]) {
        let folder = file.path.parent().unwrap();
        let is_top = folder == Path::new("src");
        let parent = if is_top { folder.join("lib.rs") } else { folder.with_extension("rs") };
        let name = file.path.file_stem().unwrap().to_str().unwrap();
        let declared =
            File::read(parent).text.lines().any(|line| declared_module(line) == Some(name));
        if !declared && !file.path.ends_with("src/lib.rs") {
            violations.push(file.path.display().to_string());
        }
    }
    assert_none(violations);
}

#[test]
fn every_file_says_first_what_it_is() {
    let silent = all_rust_files().into_iter().filter(|file| !file.text.starts_with("//! "));
    assert_none(silent.map(|file| file.path.display().to_string()).collect());
}

/// Whether the line has the address of a link, which cannot be broken.
fn has_link(line: &str) -> bool {
    line.contains("](http") || line.contains("]: http")
}

#[test]
fn no_line_is_longer_than_a_hundred_columns() {
    let mut violations = Vec::new();
    for file in all_rust_files() {
        let long = file.lines().filter(|(_, line)| line.chars().count() > 100);
        let long = long.filter(|(_, line)| !has_link(line));
        violations.extend(long.map(|(place, line)| format!("{place}: {line}")));
    }
    assert_none(violations);
}

#[test]
fn nothing_is_left_to_do() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let mut violations = Vec::new();
    for file in all_rust_files() {
        let left = file.lines().filter(|(_, line)| words.iter().any(|word| line.contains(word)));
        violations.extend(left.map(|(place, line)| format!("{place}: {line}")));
    }
    assert_none(violations);
}

#[test]
fn no_code_is_unsafe() {
    let manifest = File::read("Cargo.toml").text;
    assert!(manifest.lines().any(|line| line == "unsafe_code = \"deny\""));

    let mut violations = Vec::new();
    for file in rust_files(&["src"]) {
        let used = file.code().filter(|(_, code)| {
            code.split(|c: char| c != '_' && !c.is_alphanumeric()).any(|word| word == "unsafe")
        });
        violations.extend(used.map(|(place, line)| format!("{place}: {line}")));
    }
    assert_none(violations);
}

/// Who waits for the clock waits too long, or not long enough. (Benches may measure how a program
/// rests.)
#[test]
fn nobody_sleeps() {
    let mut violations = Vec::new();
    for file in rust_files(&["src", "tests", "examples"]) {
        let sleeps = file.code().filter(|(_, code)| code.contains(concat!("thread::", "sleep")));
        violations.extend(sleeps.map(|(place, line)| format!("{place}: {line}")));
    }
    assert_none(violations);
}

/// A module `x` is in `x.rs`, its submodules beside it in `x/`.
#[test]
fn no_module_is_called_mod() {
    let files = all_rust_files().into_iter().filter(|file| file.path.ends_with("mod.rs"));
    assert_none(files.map(|file| file.path.display().to_string()).collect());
}

/// A module that is not declared is not run, and nobody would notice.
#[test]
fn every_test_module_is_declared() {
    let main = File::read("tests/it/main.rs").text;
    let declared: Vec<&str> = main.lines().filter_map(declared_module).collect();
    let mut violations = Vec::new();
    for file in rust_files(&["tests/it"]) {
        let name = file.path.file_stem().unwrap().to_str().unwrap();
        if name != "main" && !declared.contains(&name) {
            violations.push(file.path.display().to_string());
        }
    }
    assert_none(violations);
}
