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
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files in `folders`, and in the folders in them, without what Cargo has made there.
fn rust_files(folders: &[&str]) -> Vec<File> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.extend((!path.ends_with("target")).then_some(path));
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

/// The paths that `code` begins with, each by its segments: several if it is a tree of imports.
fn paths_of_tree(code: &str) -> Vec<Vec<String>> {
    let word = leading_word(code).to_owned();
    if word.is_empty() {
        return Vec::new();
    }
    let rest = &code[word.len()..];
    let Some(rest) = rest.strip_prefix("::") else { return vec![vec![word]] };
    let branches = match rest.strip_prefix('{') {
        Some(rest) => split_group(rest).into_iter().flat_map(paths_of_tree).collect(),
        None => paths_of_tree(rest),
    };
    if branches.is_empty() {
        return vec![vec![word]]; // All that is in it.
    }
    let below = |branch: Vec<String>| [vec![word.clone()], branch].concat();
    branches.into_iter().map(below).collect()
}

/// The parts of a group of imports whose opening brace was before `code`.
fn split_group(code: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (place, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                parts.push(code[start..place].trim_start());
                start = place + 1;
                if c == '}' {
                    return parts;
                }
            }
            _ => {}
        }
    }
    parts
}

/// A module of `src`: its path below the crate, its code, and what it declares and re-exports.
struct Module {
    path: Vec<String>,
    code: String,
    /// The modules inside, in the order of their declaration.
    children: Vec<String>,
    /// Names of this module that are those of a child.
    reexports: Vec<(String, String)>,
}

impl Module {
    fn new(file: &File) -> Module {
        let inside = file.path.strip_prefix("src").unwrap().with_extension("");
        let path: Vec<String> = inside.iter().map(|it| it.to_str().unwrap().to_owned()).collect();
        let path = if path == ["lib"] { Vec::new() } else { path };
        let tests = file.text.find("#[cfg(test)]\nmod tests");
        let text = &file.text[..tests.unwrap_or(file.text.len())];
        let is_code = |line: &&str| !line.contains(", doc = \"");
        let lines = text.lines().filter(is_code).map(|line| line.split("//").next().unwrap());
        // A macro's `$crate::` names what its user sees.
        let code = lines.collect::<Vec<_>>().join("\n").replace("$crate::", "");
        let children: Vec<String> =
            text.lines().filter_map(declared_module).map(str::to_owned).collect();
        let reexports = children.iter().flat_map(|child| {
            let start = format!("use {child}::");
            let uses = code.match_indices(&start);
            let names = uses.flat_map(|(place, _)| paths_of_tree(&code[place + 4..]));
            names.map(|path| (path.last().unwrap().clone(), child.clone())).collect::<Vec<_>>()
        });
        let reexports = reexports.collect();
        Module { path, code, children, reexports }
    }

    /// Everything in the crate that the code names, by its full path.
    fn names(&self) -> Vec<Vec<String>> {
        let starts = ["crate::", "super::"].into_iter().flat_map(|root| {
            let is_start = |place: usize| {
                let before = self.code[..place].chars().next_back();
                before.is_none_or(|c| c != ':' && c != '_' && !c.is_alphanumeric())
            };
            let places = self.code.match_indices(root).map(|(place, _)| place);
            places.filter(move |place| is_start(*place))
        });
        let paths = starts.flat_map(|place| paths_of_tree(&self.code[place..]));
        paths.map(|path| self.full_path(path)).collect()
    }

    fn full_path(&self, path: Vec<String>) -> Vec<String> {
        let ups = path.iter().take_while(|segment| *segment == "super").count();
        let base = if ups == 0 { &[] } else { &self.path[..self.path.len() - ups] };
        [base, &path[ups.max(1)..]].concat()
    }

    /// The child that `name` is, or comes from.
    fn child(&self, name: &str) -> Option<usize> {
        let reexport = self.reexports.iter().find(|(reexported, _)| reexported == name);
        let child = reexport.map_or(name, |(_, child)| child);
        self.children.iter().position(|it| it == child)
    }
}

/// Code may name only modules that are declared above its own, among those of one parent. Comments
/// may name any. What a parent re-exports counts as its child's. So there are no circles.
#[test]
fn imports_point_up() {
    let files = rust_files(&["src"]);
    let is_of_tests = |module: &Module| module.path.iter().any(|part| part == "tests");
    let modules: Vec<Module> =
        files.iter().map(Module::new).filter(|module| !is_of_tests(module)).collect();
    let macros = exported_macros(&files);
    assert!(macros.contains(&"receive"), "{macros:?}");

    let (mut violations, mut edges) = (Vec::new(), 0);
    for module in &modules {
        for name in module.names() {
            let shared = module.path.iter().zip(&name).take_while(|(own, other)| own == other);
            let depth = shared.count();
            let (Some(own), Some(other)) = (module.path.get(depth), name.get(depth)) else {
                continue;
            };
            let parent = modules.iter().find(|parent| parent.path == name[..depth]).unwrap();
            let is_item = match parent.child(other) {
                Some(other) => {
                    edges += 1;
                    other >= parent.child(own).unwrap()
                }
                None => depth == 0 && !macros.contains(&other.as_str()),
            };
            if is_item {
                violations.push(format!("{}: {}", module.path.join("::"), name.join("::")));
            }
        }
    }
    assert!(edges > 500, "{edges}");
    assert_none(violations);
}

/// The modules above the runtime that use its mechanisms, not only what a user has. Why each of
/// them needs that is said in `ARCHITECTURE.md`.
const PRIVILEGED: [&str; 30] = [
    "call",
    "call::across",
    "gen_server::group",
    "gen_server::next",
    "gen_server::request",
    "gen_server::serve",
    "gen_server::server_ref",
    "net_kernel::arrival",
    "net_kernel::carrier",
    "net_kernel::connection",
    "net_kernel::frame",
    "net_kernel::local",
    "net_kernel::permit",
    "net_kernel::reader",
    "net_kernel::serve",
    "net_kernel::start",
    "net_kernel::traffic",
    "net_kernel::writer",
    "node",
    "observer::snapshot",
    "proc_lib::start",
    "registry::dispatch",
    "stop",
    "supervisor::failures",
    "supervisor::shutdown",
    "sys",
    "table::keeper",
    "table::ownership",
    "table::registry",
    "timer",
];

#[test]
fn who_uses_the_runtime_is_listed() {
    let files = rust_files(&["src"]);
    let modules = files.iter().map(Module::new);
    let is_above = |module: &Module| {
        !matches!(module.path.first().map(String::as_str), None | Some("runtime" | "process"))
    };
    let mut privileged: Vec<String> = modules
        .filter(is_above)
        .filter(|module| module.names().iter().any(|name| name[0] == "runtime"))
        .map(|module| module.path.join("::"))
        .collect();
    privileged.sort();
    assert_eq!(privileged, PRIVILEGED);
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
fn every_dependency_has_its_reason() {
    let manifest = File::read("Cargo.toml").text;
    let tables = manifest.split("\n[").filter(|table| table.contains("dependencies]\n"));
    let names: Vec<&str> = tables
        .flat_map(|table| table.lines().skip(1))
        .map(|line| line.split(" = ").next().unwrap().trim())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect();
    assert!(names.contains(&"log") && names.contains(&"signal-hook"), "{names:?}");

    let reasons = File::read("ARCHITECTURE.md").text;
    let silent = names.into_iter().filter(|name| !reasons.contains(&format!("| `{name}` |")));
    assert_none(silent.map(str::to_owned).collect());
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

#[test]
fn one_file_catches_panics_and_unwinds() {
    let words = ["catch_unwind", "resume_unwind", "set_hook", "take_hook"];
    let mut violations = Vec::new();
    for file in rust_files(&["src"]) {
        let used = file.code().filter(|(_, code)| words.iter().any(|word| code.contains(word)));
        violations.extend(used.map(|(place, line)| format!("{place}: {line}")));
    }
    violations.retain(|place| !place.starts_with("src/user_code.rs:"));
    assert_none(violations);
}

/// So that a `main` that returns an error prints a text: their macro makes `Debug` of `Display`.
#[test]
fn errors_are_made_by_their_macro() {
    let is_error = |code: &str| code.starts_with("impl") && code.contains(" Error for ");
    let mut violations = Vec::new();
    for file in rust_files(&["src"]) {
        let made = file.code().filter(|(_, code)| is_error(code));
        violations.extend(made.map(|(place, line)| format!("{place}: {line}")));
    }
    // It and `TrySendError` are generic.
    violations.retain(|place| !place.ends_with("SendError<M> {}"));
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
