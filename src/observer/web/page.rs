//! The files of the page, which are in the program.

use super::response::{CSS, HTML, Response, SCRIPT, SVG};

/// A file.
#[derive(Debug)]
pub(super) struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($path:literal: $kind:ident, $name:literal;)*) => {
        [$(File {
            path: $path,
            kind: $kind,
            text: include_str!(concat!("page/", $name)),
        }),*]
    };
}

static FILES: [File; 14] = files! {
    "/": HTML, "page.html";
    "/page.css": CSS, "page.css";
    "/icon.svg": SVG, "icon.svg";
    "/page.js": SCRIPT, "page.js";
    "/elements.js": SCRIPT, "elements.js";
    "/updates.js": SCRIPT, "updates.js";
    "/overview.js": SCRIPT, "overview.js";
    "/trees.js": SCRIPT, "trees.js";
    "/processes.js": SCRIPT, "processes.js";
    "/plots.js": SCRIPT, "plots.js";
    "/data.js": SCRIPT, "data.js";
    "/node.js": SCRIPT, "node.js";
    "/details.js": SCRIPT, "details.js";
    "/trace.js": SCRIPT, "trace.js";
};

/// Returns the file at a path.
pub(super) fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

impl File {
    pub(super) fn response(&self) -> Response {
        Response::ok(self.kind, self.text.as_bytes())
    }
}
