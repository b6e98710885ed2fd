//! The cookie: what the nodes of a cluster know, and nobody else.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error_text::errors;

use super::bytes::to_latin1;

/// The name of the file in the home directory that the nodes of a user share.
const FILE: &str = ".erlang.cookie";

/// The bits of a file's mode by which others than its owner may do anything.
const OTHERS: u32 = 0o077;

/// The proof that somebody knows a cookie: of it and the number that he was asked with.
pub(super) type Digest = [u8; 16];

/// What two nodes must both know to connect. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Cookie(Box<[u8]>);

impl Cookie {
    /// Returns the cookie that the program has been given.
    ///
    /// # Errors
    ///
    /// [`CookieError::Empty`], [`CookieError::NoAtom`].
    pub(super) fn new(text: &str) -> Result<Cookie, CookieError> {
        match to_latin1(text) {
            Some(bytes) if bytes.is_empty() => Err(CookieError::Empty),
            Some(bytes) if bytes.len() <= 255 => Ok(Cookie(bytes.into())),
            Some(_) | None => Err(CookieError::NoAtom),
        }
    }

    /// Reads the cookie of the user, from the file that Erlang has it in.
    pub(super) fn of_user() -> Result<Cookie, CookieError> {
        let home = std::env::home_dir().ok_or(CookieError::NoHome)?;
        Cookie::read(&home.join(FILE))
    }

    fn read(path: &Path) -> Result<Cookie, CookieError> {
        let failed = |why| CookieError::File { path: path.to_owned(), why };
        let unreadable = |error| failed(FileError::Io(error));
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(failed(FileError::NotAFile));
        }
        if metadata.mode() & OTHERS != 0 {
            return Err(failed(FileError::Mode(metadata.mode() & 0o777)));
        }
        let text = fs::read(path).map_err(unreadable)?;
        let end = text.iter().position(|byte| !matches!(byte, b' '..=b'~')).unwrap_or(text.len());
        let (cookie, rest) = text.split_at(end);
        if !rest.iter().all(|byte| b"\n\r ".contains(byte)) {
            return Err(failed(FileError::Characters));
        }
        if cookie.is_empty() {
            return Err(failed(FileError::Empty));
        }
        Ok(Cookie(cookie.into()))
    }

    /// Returns what proves, to who asks with this number, that the cookie is known.
    pub(super) fn digest(&self, challenge: u32) -> Digest {
        let mut context = md5::Context::new();
        context.consume(&self.0);
        context.consume(challenge.to_string());
        context.finalize().0
    }

    /// Returns whether `digest` is the proof; it takes as long for any.
    pub(super) fn is_proved_by(&self, digest: &Digest, challenge: u32) -> bool {
        let differences = self.digest(challenge).into_iter().zip(digest);
        differences.fold(0, |seen, (ours, theirs)| seen | (ours ^ theirs)) == 0
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(..)")
    }
}

/// Why there is no cookie.
pub(super) enum CookieError {
    Empty,
    /// It is too long, or has characters beyond Latin-1.
    NoAtom,
    /// The user has no home directory that a cookie could be in.
    NoHome,
    File {
        path: PathBuf,
        why: FileError,
    },
}

/// What is wrong with the file that should have it.
pub(super) enum FileError {
    Io(io::Error),
    NotAFile,
    /// Others than the owner can do something with it.
    Mode(u32),
    /// It has characters that do not print.
    Characters,
    Empty,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CookieError::Empty => f.write_str("an empty cookie is none"),
            CookieError::NoAtom => {
                f.write_str("a cookie has at most 255 characters, all of them of Latin-1")
            }
            CookieError::NoHome => f.write_str("there is no home directory with a cookie in it"),
            CookieError::File { path, why } => {
                write!(f, "no cookie can be had from {}: {why}", path.display())
            }
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::Io(error) => fmt::Display::fmt(error, f),
            FileError::NotAFile => f.write_str("it is not a file"),
            FileError::Mode(mode) => {
                write!(f, "others than its owner can use it (mode {mode:04o}, not 0400 or 0600)")
            }
            FileError::Characters => f.write_str("it has characters that do not print"),
            FileError::Empty => f.write_str("it is empty"),
        }
    }
}

errors!(CookieError, FileError);

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Reads a file of these bytes and this mode.
    fn read(test: &str, bytes: &[u8], mode: u32) -> Result<Cookie, String> {
        let path = std::env::temp_dir().join(format!("cookie_{test}_{}", std::process::id()));
        _ = fs::remove_file(&path);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let cookie = Cookie::read(&path);
        fs::remove_file(&path).unwrap();
        let told = path.display().to_string();
        cookie.map_err(|error| error.to_string().replace(&told, "FILE"))
    }

    fn hex(digest: Digest) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // OTP 25, run: `erlang:md5(["secret" | integer_to_list(1234567890)])`.
    #[test]
    fn a_digest_is_of_the_cookie_and_the_number_in_decimal() {
        let cookie = Cookie::new("secret").unwrap();
        assert_eq!(hex(cookie.digest(1_234_567_890)), "e0fcfc1ba511fc6fe6ee357c9addb932");
        assert_eq!(hex(Cookie::new("é").unwrap().digest(0)), "e62a53be390b7d3f11f2d9136e1a63a6");
    }

    #[test]
    fn a_digest_proves_one_cookie_and_one_number() {
        let cookie = Cookie::new("secret").unwrap();
        let digest = cookie.digest(7);
        assert!(cookie.is_proved_by(&digest, 7));
        assert!(!cookie.is_proved_by(&digest, 8));
        assert!(!Cookie::new("secreu").unwrap().is_proved_by(&digest, 7));
        for place in 0..16 {
            let mut wrong = digest;
            wrong[place] ^= 1;
            assert!(!cookie.is_proved_by(&wrong, 7));
        }
    }

    #[test]
    fn a_cookie_is_never_shown() {
        let cookie = Cookie::new("secret").unwrap();
        assert_eq!(format!("{cookie:?} {cookie:#?}"), "Cookie(..) Cookie(..)");
    }

    #[test]
    fn a_cookie_is_an_atom_of_latin1() {
        assert!(Cookie::new(&"é".repeat(255)).is_ok());
        for text in ["é".repeat(256), "ж".to_owned()] {
            let error = Cookie::new(&text).unwrap_err().to_string();
            assert_eq!(error, "a cookie has at most 255 characters, all of them of Latin-1");
        }
        assert_eq!(Cookie::new("").unwrap_err().to_string(), "an empty cookie is none");
    }

    // OTP 25, read: `auth:check_cookie/2`, for which a space before the newline counts.
    #[test]
    fn a_file_has_a_cookie_and_perhaps_a_newline() {
        let cookie = Cookie::new("secret").unwrap();
        for bytes in [&b"secret"[..], b"secret\n", b"secret\r\n \n"] {
            assert_eq!(read("newline", bytes, 0o600).as_ref(), Ok(&cookie));
        }
        assert_eq!(read("newline", b"my secret \n", 0o600), Ok(Cookie::new("my secret ").unwrap()));
        assert_eq!(read("newline", b"secret", 0o400).as_ref(), Ok(&cookie));
    }

    #[test]
    fn a_file_that_others_can_use_is_refused() {
        for mode in [0o644, 0o640, 0o601, 0o620] {
            let why =
                format!("others than its owner can use it (mode {mode:04o}, not 0400 or 0600)");
            let text = format!("no cookie can be had from FILE: {why}");
            assert_eq!(read("mode", b"secret", mode), Err(text));
        }
    }

    #[test]
    fn a_file_without_a_cookie_is_refused() {
        let refused = |why| Err(format!("no cookie can be had from FILE: {why}"));
        for bytes in [&b""[..], b"\n"] {
            assert_eq!(read("without", bytes, 0o600), refused("it is empty"));
        }
        for bytes in [&b"sec\nret"[..], b"\x07", "geheimnißvoll".as_bytes()] {
            assert_eq!(
                read("without", bytes, 0o600),
                refused("it has characters that do not print")
            );
        }
        let folder = std::env::temp_dir();
        let text = Cookie::read(&folder).unwrap_err().to_string();
        assert!(text.ends_with(": it is not a file"), "{text}");
        let text = Cookie::read(&folder.join("no such file")).unwrap_err().to_string();
        assert!(text.contains("No such file"), "{text}");
    }
}
