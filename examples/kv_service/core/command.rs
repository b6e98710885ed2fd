//! Commands, made of the arguments of requests.

use std::borrow::Cow;

use super::number::integer;
use super::reply::Reply;
use super::store::{Action, Condition, Expiry};
use super::{Bytes, Millis};

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Something of one key.
    Keyed(Bytes, Action),
    /// The same of several; the reply is the sum.
    Each(Vec<Bytes>, Action),
    Ping(Option<Bytes>),
    Echo(Bytes),
    Keys(Bytes),
    DbSize,
    FlushDb,
    Subscribe(Vec<Bytes>),
    /// From all channels if none is named.
    Unsubscribe(Vec<Bytes>),
    Publish(Bytes, Bytes),
    Info(Vec<Bytes>),
    ConfigGet(Vec<Bytes>),
    /// Something whose reply is known: what commands there are.
    Known(Reply),
    /// Has the process of the connection panic, if that is allowed.
    DebugPanic,
    Quit,
}

impl Command {
    /// Whether it is one that a client that has subscribed may send.
    pub(crate) fn may_be_sent_by_subscribers(&self) -> bool {
        matches!(
            self,
            Command::Ping(_) | Command::Subscribe(_) | Command::Unsubscribe(_) | Command::Quit
        )
    }
}

/// The name of a command and its arguments.
type Words<'a> = [Cow<'a, [u8]>];

/// What is known of a command beside what it does.
struct Spec {
    name: &'static str,
    /// How many arguments it takes, its name included; at least so many if it is negative.
    arity: i64,
    parse: fn(&Words<'_>) -> Result<Command, Reply>,
}

/// Most used first, as they are looked up in this order.
const COMMANDS: [Spec; 21] = [
    Spec { name: "get", arity: 2, parse: |it| keyed(it, Action::Get) },
    Spec { name: "set", arity: -3, parse: set },
    Spec { name: "ping", arity: -1, parse: ping },
    Spec { name: "incr", arity: 2, parse: |it| keyed(it, Action::Increment) },
    Spec { name: "del", arity: -2, parse: |it| Ok(Command::Each(all(it), Action::Delete)) },
    Spec { name: "exists", arity: -2, parse: |it| Ok(Command::Each(all(it), Action::Exists)) },
    Spec { name: "expire", arity: -3, parse: expire },
    Spec { name: "ttl", arity: 2, parse: |it| keyed(it, Action::TimeToLive) },
    Spec {
        name: "publish",
        arity: 3,
        parse: |it| Ok(Command::Publish(bytes(it, 1), bytes(it, 2))),
    },
    Spec { name: "subscribe", arity: -2, parse: |it| Ok(Command::Subscribe(all(it))) },
    Spec { name: "unsubscribe", arity: -1, parse: |it| Ok(Command::Unsubscribe(all(it))) },
    Spec { name: "echo", arity: 2, parse: |it| Ok(Command::Echo(bytes(it, 1))) },
    Spec { name: "keys", arity: 2, parse: |it| Ok(Command::Keys(bytes(it, 1))) },
    Spec { name: "dbsize", arity: 1, parse: |_| Ok(Command::DbSize) },
    Spec { name: "flushdb", arity: -1, parse: flush_db },
    Spec { name: "info", arity: -1, parse: |it| Ok(Command::Info(all(it))) },
    Spec { name: "command", arity: -1, parse: command },
    Spec { name: "config", arity: -2, parse: config },
    Spec { name: "client", arity: -2, parse: client },
    Spec { name: "debug", arity: -2, parse: debug },
    Spec { name: "quit", arity: -1, parse: |_| Ok(Command::Quit) },
];

/// Returns the command that a request is, which is not empty, or the reply that it is none.
pub(crate) fn parse(arguments: &Words<'_>) -> Result<Command, Reply> {
    let spec = COMMANDS.iter().find(|spec| is(&arguments[0], spec.name));
    let spec = spec.ok_or_else(|| unknown(arguments))?;
    let count = arguments.len() as i64;
    if if spec.arity < 0 { count < -spec.arity } else { count != spec.arity } {
        return Err(wrong_number(spec.name));
    }
    (spec.parse)(arguments)
}

/// Returns the name of a command as errors have it.
pub(crate) fn name_of(arguments: &Words<'_>) -> String {
    text(&arguments[0]).to_lowercase()
}

fn is(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

/// The first bytes of an argument, as text: all of it may be long.
fn text(argument: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(&argument[..argument.len().min(128)])
}

fn unknown(arguments: &Words<'_>) -> Reply {
    let mut quoted = String::new();
    for argument in &arguments[1..] {
        if quoted.len() >= 128 {
            break;
        }
        quoted += &format!("'{}' ", text(argument));
    }
    let name = text(&arguments[0]);
    Reply::error(format_args!("unknown command '{name}', with args beginning with: {quoted}"))
}

fn wrong_number(name: &str) -> Reply {
    Reply::error(format_args!("wrong number of arguments for '{name}' command"))
}

fn syntax_error<T>() -> Result<T, Reply> {
    Err(Reply::error("syntax error"))
}

fn bytes(arguments: &Words<'_>, index: usize) -> Bytes {
    arguments[index].as_ref().into()
}

/// All but the name.
fn all(arguments: &Words<'_>) -> Vec<Bytes> {
    arguments[1..].iter().map(|argument| argument.as_ref().into()).collect()
}

fn keyed(arguments: &Words<'_>, action: Action) -> Result<Command, Reply> {
    Ok(Command::Keyed(bytes(arguments, 1), action))
}

fn ping(arguments: &Words<'_>) -> Result<Command, Reply> {
    match arguments.len() {
        1 => Ok(Command::Ping(None)),
        2 => Ok(Command::Ping(Some(bytes(arguments, 1)))),
        _ => Err(wrong_number("ping")),
    }
}

fn set(arguments: &Words<'_>) -> Result<Command, Reply> {
    let (mut condition, mut expiry) = (None, None);
    let mut options = arguments[3..].iter();
    while let Some(option) = options.next() {
        let wanted = if is(option, "nx") {
            Some(Condition::Absent)
        } else if is(option, "xx") {
            Some(Condition::Present)
        } else {
            None
        };
        if wanted.is_some() {
            if condition.is_some() && condition != wanted {
                return syntax_error();
            }
            condition = wanted;
            continue;
        }
        let kind = KINDS_OF_EXPIRY.iter().find(|(name, ..)| is(option, name));
        let (Some((_, unit, kind)), None, Some(time)) = (kind, expiry, options.next()) else {
            return syntax_error();
        };
        let time = integer(time).ok_or_else(not_an_integer)?;
        let millis = time.checked_mul(*unit).filter(|millis| (1..=LONGEST).contains(millis));
        expiry = Some(kind(millis.ok_or_else(|| invalid_expiry("set"))?));
    }
    let condition = condition.unwrap_or(Condition::Always);
    keyed(arguments, Action::Set { value: bytes(arguments, 2), condition, expiry })
}

type MakeExpiry = fn(Millis) -> Expiry;

/// The options of `SET` that say when the key expires, and the milliseconds in their units.
const KINDS_OF_EXPIRY: [(&str, Millis, MakeExpiry); 4] = [
    ("ex", 1_000, Expiry::In),
    ("px", 1, Expiry::In),
    ("exat", 1_000, Expiry::At),
    ("pxat", 1, Expiry::At),
];

/// Times are so far from the end of time that they can be added to the present.
const LONGEST: Millis = Millis::MAX / 2;

fn invalid_expiry(command: &str) -> Reply {
    Reply::error(format_args!("invalid expire time in '{command}' command"))
}

fn not_an_integer() -> Reply {
    Reply::error("value is not an integer or out of range")
}

/// A time in the past deletes the key.
fn expire(arguments: &Words<'_>) -> Result<Command, Reply> {
    if let Some(option) = arguments.get(3) {
        return Err(Reply::error(format_args!("Unsupported option {}", text(option))));
    }
    let seconds = integer(&arguments[2]).ok_or_else(not_an_integer)?;
    let millis = seconds.checked_mul(1_000).filter(|millis| (-LONGEST..=LONGEST).contains(millis));
    let millis = millis.ok_or_else(|| invalid_expiry("expire"))?;
    keyed(arguments, Action::Expire(Expiry::In(millis)))
}

/// The data is gone when the reply comes, whether that is asked for or not.
fn flush_db(arguments: &Words<'_>) -> Result<Command, Reply> {
    match &arguments[1..] {
        [] => Ok(Command::FlushDb),
        [how] if is(how, "sync") || is(how, "async") => Ok(Command::FlushDb),
        _ => syntax_error(),
    }
}

fn unknown_subcommand<T>(arguments: &Words<'_>) -> Result<T, Reply> {
    let (command, subcommand) = (name_of(arguments).to_uppercase(), text(&arguments[1]));
    let error = format_args!("unknown subcommand '{subcommand}'. Try {command} HELP.");
    Err(Reply::error(error))
}

/// What `redis-cli` asks for when it starts.
fn command(arguments: &Words<'_>) -> Result<Command, Reply> {
    let all = || Reply::Array(COMMANDS.iter().map(describe).collect());
    let reply = match arguments.get(1) {
        None => all(),
        Some(subcommand) if is(subcommand, "count") => Reply::count(COMMANDS.len()),
        Some(subcommand) if is(subcommand, "info") && arguments.len() == 2 => all(),
        Some(subcommand) if is(subcommand, "info") => {
            let find = |name: &Cow<'_, [u8]>| {
                COMMANDS.iter().find(|spec| is(name, spec.name)).map_or(Reply::Null, describe)
            };
            Reply::Array(arguments[2..].iter().map(find).collect())
        }
        Some(subcommand) if is(subcommand, "docs") => Reply::Array(Vec::new()),
        Some(_) => return unknown_subcommand(arguments),
    };
    Ok(Command::Known(reply))
}

/// A command as `COMMAND` lists it: its name, its arity, no flags, and where its keys are.
fn describe(spec: &Spec) -> Reply {
    let (first, last) = match spec.name {
        "get" | "set" | "incr" | "expire" | "ttl" => (1, 1),
        "del" | "exists" => (1, -1),
        _ => (0, 0),
    };
    let numbers = [first, last, first].map(Reply::Integer);
    let mut description =
        vec![Reply::text(spec.name), Reply::Integer(spec.arity), Reply::Array(Vec::new())];
    description.extend(numbers);
    Reply::Array(description)
}

fn config(arguments: &Words<'_>) -> Result<Command, Reply> {
    match arguments {
        [_, subcommand, patterns @ ..] if is(subcommand, "get") => {
            if patterns.is_empty() {
                return Err(wrong_number("config|get"));
            }
            Ok(Command::ConfigGet(all(&arguments[1..])))
        }
        _ => unknown_subcommand(arguments),
    }
}

/// What libraries say of themselves when they connect is accepted, and forgotten.
fn client(arguments: &Words<'_>) -> Result<Command, Reply> {
    match arguments {
        [_, subcommand, _, ..] if is(subcommand, "setname") || is(subcommand, "setinfo") => {
            Ok(Command::Known(Reply::OK))
        }
        _ => unknown_subcommand(arguments),
    }
}

fn debug(arguments: &Words<'_>) -> Result<Command, Reply> {
    match arguments {
        [_, subcommand] if is(subcommand, "panic") => Ok(Command::DebugPanic),
        _ => unknown_subcommand(arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &[&str]) -> Result<Command, Reply> {
        let arguments: Vec<_> = words.iter().map(|word| Cow::from(word.as_bytes())).collect();
        parse(&arguments)
    }

    /// Parses a line, split at its spaces.
    fn parse_line(line: &str) -> Result<Command, Reply> {
        parse_words(&line.split(' ').collect::<Vec<_>>())
    }

    fn key(name: &str) -> Bytes {
        name.as_bytes().into()
    }

    #[track_caller]
    fn assert_error(line: &str, expected: &'static str) {
        assert_eq!(parse_line(line), Err(Reply::Error(expected.into())), "{line}");
    }

    #[test]
    fn names_are_of_any_case() {
        for line in ["get k", "GET k", "gEt k"] {
            assert_eq!(parse_line(line), Ok(Command::Keyed(key("k"), Action::Get)));
        }
    }

    #[test]
    fn each_command_is_found() {
        let keyed = |action| Command::Keyed(key("k"), action);
        let each = |action| Command::Each(vec![key("a"), key("b")], action);
        for (line, command) in [
            ("incr k", keyed(Action::Increment)),
            ("ttl k", keyed(Action::TimeToLive)),
            ("expire k -5", keyed(Action::Expire(Expiry::In(-5_000)))),
            ("del a b", each(Action::Delete)),
            ("exists a b", each(Action::Exists)),
            ("ping", Command::Ping(None)),
            ("ping a", Command::Ping(Some(key("a")))),
            ("echo a", Command::Echo(key("a"))),
            ("keys *", Command::Keys(key("*"))),
            ("dbsize", Command::DbSize),
            ("flushdb", Command::FlushDb),
            ("flushdb async", Command::FlushDb),
            ("subscribe a b", Command::Subscribe(vec![key("a"), key("b")])),
            ("unsubscribe", Command::Unsubscribe(vec![])),
            ("publish c m", Command::Publish(key("c"), key("m"))),
            ("info server", Command::Info(vec![key("server")])),
            ("config get save dir", Command::ConfigGet(vec![key("save"), key("dir")])),
            ("client setname me", Command::Known(Reply::OK)),
            ("command count", Command::Known(Reply::Integer(21))),
            ("debug panic", Command::DebugPanic),
            ("quit now", Command::Quit),
        ] {
            assert_eq!(parse_line(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn set_takes_its_options_in_any_order() {
        let set = |condition, expiry| {
            Ok(Command::Keyed(key("k"), Action::Set { value: key("v"), condition, expiry }))
        };
        assert_eq!(parse_line("set k v"), set(Condition::Always, None));
        let expected = set(Condition::Absent, Some(Expiry::In(5_000)));
        assert_eq!(parse_line("set k v EX 5 NX"), expected);
        assert_eq!(parse_line("set k v nx nx ex 5"), expected);
        let expected = set(Condition::Present, Some(Expiry::In(5)));
        assert_eq!(parse_line("set k v xx px 5"), expected);
        assert_eq!(parse_line("set k v exat 5"), set(Condition::Always, Some(Expiry::At(5_000))));
        assert_eq!(parse_line("set k v PXAT 5"), set(Condition::Always, Some(Expiry::At(5))));
    }

    #[test]
    fn options_of_set_that_make_no_sense_are_errors() {
        for line in ["nx xx", "bad", "ex", "ex 1 px 1", "ex 1 ex 1", "get"] {
            assert_error(&format!("set k v {line}"), "ERR syntax error");
        }
        for time in ["0", "-1", "9223372036854775", "9223372036854775807"] {
            let line = format!("set k v ex {time}");
            assert_error(&line, "ERR invalid expire time in 'set' command");
        }
        assert_error("set k v ex x", "ERR value is not an integer or out of range");
    }

    #[test]
    fn the_number_of_arguments_is_checked() {
        for (line, name) in [
            ("get", "get"),
            ("GET a b", "get"),
            ("set k", "set"),
            ("ping a b", "ping"),
            ("del", "del"),
            ("dbsize a", "dbsize"),
            ("publish a", "publish"),
            ("subscribe", "subscribe"),
            ("config", "config"),
            ("config get", "config|get"),
        ] {
            let error = format!("ERR wrong number of arguments for '{name}' command");
            assert_eq!(parse_line(line), Err(Reply::Error(error.into())), "{line}");
        }
    }

    #[test]
    fn what_is_unknown_is_quoted_and_cut() {
        assert_error("foo a b", "ERR unknown command 'foo', with args beginning with: 'a' 'b' ");
        assert_error("config foo", "ERR unknown subcommand 'foo'. Try CONFIG HELP.");
        assert_error("debug sleep 1", "ERR unknown subcommand 'sleep'. Try DEBUG HELP.");
        assert_error("expire k 1 foo", "ERR Unsupported option foo");
        assert_error("expire k 9223372036854775", "ERR invalid expire time in 'expire' command");
        assert_error("expire k 1.5", "ERR value is not an integer or out of range");
        assert_error("flushdb now", "ERR syntax error");
        let long = "x".repeat(1_000);
        let Err(Reply::Error(error)) = parse_words(&[&long, &long, &long]) else { panic!() };
        assert!(error.len() < 400, "{}", error.len());
    }

    #[test]
    fn commands_describe_themselves() {
        let Ok(Command::Known(Reply::Array(all))) = parse_line("command") else { panic!() };
        assert_eq!(all.len(), COMMANDS.len());
        let Ok(Command::Known(Reply::Array(some))) = parse_line("command info DEL foo") else {
            panic!()
        };
        let numbers = [1, -1, 1].map(Reply::Integer);
        let [Reply::Array(del), Reply::Null] = &some[..] else { panic!("{some:?}") };
        assert_eq!(
            (&del[0], &del[1], &del[3..]),
            (&Reply::text("del"), &Reply::Integer(-2), &numbers[..])
        );
        assert_eq!(parse_line("command docs get"), Ok(Command::Known(Reply::Array(vec![]))));
    }

    #[test]
    fn subscribers_may_send_little() {
        for line in ["ping", "subscribe a", "unsubscribe", "quit"] {
            assert!(parse_line(line).unwrap().may_be_sent_by_subscribers(), "{line}");
        }
        assert!(!parse_line("get a").unwrap().may_be_sent_by_subscribers());
        assert_eq!(name_of(&[Cow::from(&b"GeT"[..])]), "get");
    }
}
