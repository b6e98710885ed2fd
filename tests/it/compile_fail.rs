//! Programs that must not compile, and what the compiler says of them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What comes before each program's `main`.
const SERVER: &str = r#"
#![allow(dead_code)]

use procession::prelude::*;

#[derive(Debug)] struct Push(u32);
#[derive(Debug)] struct Clear;
#[derive(Debug)] struct Pop;
#[derive(Debug)] struct Peek;
#[derive(Debug)] struct Sort;

/// Handles several types of requests of each kind.
#[derive(Debug)]
struct Stack(Vec<u32>);

impl GenServer for Stack {
    type Args = ();
    fn init((): ()) -> InitResult<Stack> {
        ready(Stack(Vec::new()))
    }
}

impl HandleCall<Pop> for Stack {
    type Reply = Option<u32>;
    fn handle_call(&mut self, _: Pop, _: &Caller<Option<u32>>) -> CallResult<Self, Pop> {
        reply(self.0.pop())
    }
}

impl HandleCall<Peek> for Stack {
    type Reply = Option<u32>;
    fn handle_call(&mut self, _: Peek, _: &Caller<Option<u32>>) -> CallResult<Self, Peek> {
        reply(self.0.last().copied())
    }
}

impl HandleCast<Push> for Stack {
    fn handle_cast(&mut self, Push(number): Push) -> CastResult<Stack> {
        self.0.push(number);
        noreply()
    }
}

impl HandleCast<Clear> for Stack {
    fn handle_cast(&mut self, _: Clear) -> CastResult<Stack> {
        self.0.clear();
        noreply()
    }
}

/// Handles one type of call, and nothing else.
#[derive(Debug)]
struct Empty;

impl GenServer for Empty {
    type Args = ();
    fn init((): ()) -> InitResult<Empty> {
        ready(Empty)
    }
}

impl HandleCall<Pop> for Empty {
    type Reply = ();
    fn handle_call(&mut self, _: Pop, _: &Caller<()>) -> CallResult<Self, Pop> {
        reply(())
    }
}

/// Handles events of one type, and requests of two.
#[derive(Debug)]
struct Gauge;

impl EventHandler<Push> for Gauge {
    type Args = ();
    type Leaves = ();
    fn init((): ()) -> HandlerInit<Gauge> {
        gen_event::installed(Gauge)
    }
    fn handle_event(&mut self, _: &Push) -> HandlerResult<Gauge, Push> {
        gen_event::ok()
    }
}

impl HandlerCall<Push, Pop> for Gauge {
    type Reply = ();
    fn handle_call(&mut self, _: Pop) -> HandlerReply<Gauge, Push, Pop> {
        gen_event::ok().reply(())
    }
}

impl HandlerCall<Push, Clear> for Gauge {
    type Reply = ();
    fn handle_call(&mut self, _: Clear) -> HandlerReply<Gauge, Push, Clear> {
        gen_event::remove_handler().reply(())
    }
}

/// A machine with nothing imported for it.
#[derive(Debug)]
struct Lock;

impl GenStatem for Lock {
    type Args = ();
    type State = bool;
    type Event = Push;

    fn init((): ()) -> gen_statem::InitResult<Lock> {
        started(false, Lock).hibernate().next_event(EventType::Internal, Push(0))
    }

    fn handle_event(&mut self, _: EventType, push: Push, is_open: &bool) -> StateResult<Lock> {
        match push {
            Push(0) => keep_state().cancel("x").cancel(TimeoutType::State),
            Push(1) => repeat_state().timeout(std::time::Duration::ZERO, Push(0)),
            Push(2) => stop_and_reply(ExitReason::Normal),
            Push(3) => stop(ExitReason::Normal),
            push => next_state(!is_open).postpone(push),
        }
    }

    fn state_enter(&mut self, _: &bool, _: &bool) -> EnterResult<Lock> {
        entered().hibernate()
    }
}
"#;

/// A program: its `main`, and what the compiler says of it if it refuses it.
struct Program {
    name: &'static str,
    main: &'static str,
    refusal: Option<&'static str>,
}

const PROGRAMS: [Program; 20] = [
    Program {
        name: "correct",
        main: "fn main() {
            let stack = Stack::start(()).unwrap();
            stack.cast(Push(1));
            assert_eq!(stack.call(Pop), Ok(Some(1)));
        }",
        refusal: None,
    },
    Program {
        name: "call",
        main: "fn main() { _ = Stack::start(()).unwrap().call(Push(1)); }",
        refusal: Some("`Stack` does not handle calls of `Push`"),
    },
    Program {
        name: "request",
        main: "fn main() { drop(Stack::start(()).unwrap().send_request(Push(1))); }",
        refusal: Some("`Stack` does not handle calls of `Push`"),
    },
    Program {
        name: "cast",
        main: "fn main() { Stack::start(()).unwrap().cast(Pop); }",
        refusal: Some("`Stack` does not handle casts of `Pop`"),
    },
    Program {
        name: "cast_to_a_server_without_any",
        main: "fn main() { Empty::start(()).unwrap().cast(Pop); }",
        refusal: Some("`Empty` does not handle casts of `"),
    },
    // If there is only one, the compiler takes that to be meant, and says so.
    Program {
        name: "call_of_a_server_with_one",
        main: "fn main() { _ = Empty::start(()).unwrap().call(Peek); }",
        refusal: Some("expected `Pop`, found `Peek`"),
    },
    Program {
        name: "a_literal_of_another_type",
        main: "impl HandleCast<u32> for Stack {
            fn handle_cast(&mut self, _: u32) -> CastResult<Stack> { noreply() }
        }
        fn main() { Stack::start(()).unwrap().cast(1_i32); }",
        refusal: Some("the literal `1` is an `i32` unless it says otherwise"),
    },
    Program {
        name: "a_message_to_a_name",
        main: "fn main() { process::send(\"printer\", 1); }",
        refusal: Some("to a name, or to any destination, a message is sent by `process::send_to`"),
    },
    Program {
        name: "a_text_as_a_reason",
        main: "fn main() { process::exit(process::self_pid(), \"done\"); }",
        refusal: Some("any value is made a reason by `ExitReason::new(value)`"),
    },
    Program {
        name: "a_body_that_returns_a_value",
        main: "fn main() { _ = process::spawn(|| 7_u32); }",
        refusal: Some("the body of a process cannot return `u32`"),
    },
    Program {
        name: "no_comma_before_after",
        main: "fn main() { _ = receive! { n: u8 => n after std::time::Duration::ZERO => 0 }; }",
        refusal: Some("expected a comma after the body of the arm `n`"),
    },
    Program {
        name: "a_time_for_a_message_that_is_there",
        main: "fn main() {
            _ = handle_info! { Message::new(1); n: u8 => n, after std::time::Duration::ZERO => 0 };
        }",
        refusal: Some("`after` is for `receive!`"),
    },
    Program {
        name: "continuation",
        main: "impl HandleCast<Pop> for Stack {
            fn handle_cast(&mut self, _: Pop) -> CastResult<Stack> { noreply().then(Sort) }
        }
        fn main() {}",
        refusal: Some("`Stack` does not handle continuations of `Sort`"),
    },
    Program {
        name: "events",
        main: "fn main() {
            let manager = EventManager::start().unwrap();
            manager.add_handler(gen_event::handler::<Gauge>(), ()).unwrap();
            manager.notify(Push(1));
            assert_eq!(manager.call(gen_event::handler::<Gauge>(), Clear), Ok(()));
        }",
        refusal: None,
    },
    Program {
        name: "handler_of_other_events",
        main: "fn main() {
            let manager = EventManager::<u32>::start().unwrap();
            _ = manager.add_handler(gen_event::handler::<Gauge>(), ());
        }",
        refusal: Some("`Gauge` does not handle events of type `u32`"),
    },
    Program {
        name: "request_to_a_handler",
        main: "fn main() {
            _ = EventManager::<Push>::start().unwrap().call(gen_event::handler::<Gauge>(), Peek);
        }",
        refusal: Some("`Gauge` does not handle requests of `Peek`"),
    },
    Program {
        name: "swap",
        main: "fn main() {
            let manager = EventManager::<Push>::start().unwrap();
            let new = gen_event::handler::<Gauge>().id(2);
            _ = manager.swap_handler((gen_event::handler::<Gauge>(), ()), (new, ()));
        }",
        refusal: Some("`Gauge` cannot take the place of `Gauge`"),
    },
    Program {
        name: "machine",
        main: "fn main() { Lock::start(()).unwrap().cast(Push(1)); }",
        refusal: None,
    },
    Program {
        name: "state_enter_that_postpones",
        main: "fn enter() -> EnterResult<Lock> { entered().postpone(Push(1)) }
        fn main() {}",
        refusal: Some("only `handle_event` has got an event to postpone"),
    },
    Program {
        name: "state_enter_that_inserts",
        main: "fn enter() -> EnterResult<Lock> {
            entered().next_event(EventType::Internal, Push(1))
        }
        fn main() {}",
        refusal: Some("the result of `state_enter` cannot insert events or change the callbacks"),
    },
];

/// A package of these programs, beside this crate's own build.
fn package() -> PathBuf {
    let this = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail");
    let programs = package.join("src/bin");
    fs::create_dir_all(&programs).unwrap();
    let manifest = format!(
        "[package]\nname = 'compile_fail'\nedition = '2024'\n\
         [dependencies]\nprocession = {{ path = '{}' }}\n\
         [workspace]\n",
        this.display()
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    // The same versions as here, which have been downloaded.
    fs::copy(this.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    for Program { name, main, .. } in PROGRAMS {
        let text = format!("{SERVER}\n{main}\n");
        fs::write(programs.join(name).with_extension("rs"), text).unwrap();
    }
    package
}

fn check(package: &Path, program: &str) -> Output {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo)
        .args(["check", "--offline", "--quiet", "--color=never", "--bin", program])
        .current_dir(package)
        .env("CARGO_TARGET_DIR", package.join("target"))
        .output()
        .unwrap()
}

#[test]
fn a_request_that_the_server_does_not_handle_is_refused_with_a_helpful_message() {
    let package = package();
    for Program { name, refusal, .. } in PROGRAMS {
        let output = check(&package, name);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), refusal.is_none(), "{name}: {text}");
        if let Some(refusal) = refusal {
            assert!(text.contains(refusal), "{name}: {text}");
            // It is the only error, and says where the program is wrong.
            let errors = text.matches("error[").count() + text.matches("error: exp").count();
            let by_macro = text.matches("error: `handle_info!`").count();
            assert_eq!(errors + by_macro, 1, "{name}: {text}");
            assert!(text.contains(&format!("{name}.rs:")), "{name}: {text}");
        }
    }
}
