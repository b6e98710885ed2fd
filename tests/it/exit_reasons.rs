//! Errors that become exit reasons, and reasons that become errors.

use std::error::Error;
use std::fmt;
use std::io;

use procession::ExitError;
use procession::prelude::*;

use crate::support::processes::reason;
use crate::support::wait::down_reason;

type Boxed = Box<dyn Error + Send + Sync>;

/// An error as those of `anyhow`: it is no [`Error`], and prints its causes in the alternate form.
#[derive(Debug)]
struct Chain;

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if f.alternate() { "no tea: no water" } else { "no tea" })
    }
}

fn or_exit<E: fmt::Display + Send + Sync + 'static>(error: E) -> ExitReason {
    Err::<(), E>(error).or_exit().unwrap_err()
}

/// Ends with its state when it is called.
#[derive(Debug)]
struct Ending(ExitReason);

impl GenServer for Ending {
    type Args = ExitReason;

    fn init(reason: ExitReason) -> InitResult<Ending> {
        ready(Ending(reason))
    }
}

impl HandleCall<()> for Ending {
    type Reply = ();

    fn handle_call(&mut self, (): (), _: &Caller<()>) -> CallResult<Ending, ()> {
        stop(self.0.clone())
    }
}

/// The error of a call whose server has ended with `reason`.
fn failed_call(reason: ExitReason) -> CallError {
    Ending::start(reason).unwrap().call(()).unwrap_err()
}

mod or_exit {
    use super::*;

    #[test]
    fn leaves_a_value_alone() {
        assert_eq!(Ok::<_, String>(3).or_exit(), Ok(3));
    }

    #[test]
    fn takes_a_boxed_error() {
        let reason = or_exit::<Boxed>("no paper".into());
        assert_eq!(reason.to_string(), "no paper");
        assert!(!reason.is_orderly());
        assert!(reason.downcast_ref::<Boxed>().is_some());
    }

    #[test]
    fn takes_an_error_that_is_none_with_its_causes() {
        let reason = or_exit(Chain);
        assert_eq!(reason.to_string(), "no tea: no water");
        assert_eq!(format!("{reason:?}"), "Other(no tea: no water)");
    }

    #[test]
    fn takes_a_text() {
        assert_eq!(or_exit("no paper"), or_exit("no paper"));
        assert_ne!(or_exit("no paper"), or_exit("no ink"));
        assert_eq!(or_exit("no paper").to_string(), "no paper");
        assert_eq!(or_exit("no paper".to_owned()).downcast_ref(), Some(&"no paper".to_owned()));
    }

    #[test]
    fn leaves_a_reason_as_it_is() {
        assert_eq!(or_exit(ExitReason::Shutdown), ExitReason::Shutdown);
        assert_eq!(or_exit(reason()), reason());
        assert_eq!(or_exit(ExitError(ExitReason::Shutdown)), ExitReason::Shutdown);
        assert_eq!(or_exit(Boxed::from(ExitError(reason()))), reason());
    }

    #[test]
    fn of_a_failed_call_keeps_its_class() {
        let down = failed_call(ExitReason::Shutdown);
        assert_eq!(or_exit(down.clone()), ExitReason::Shutdown);
        assert_eq!(or_exit(Boxed::from(down)), ExitReason::Shutdown);
        assert!(!or_exit(Boxed::from(failed_call(ExitReason::Normal))).is_orderly());
    }

    #[test]
    fn fails_a_start() {
        #[derive(Debug)]
        struct Fragile;

        impl GenServer for Fragile {
            type Args = ();

            fn init((): ()) -> InitResult<Fragile> {
                Err::<(), Boxed>("cannot start".into()).or_exit()?;
                ready(Fragile)
            }
        }

        let Err(StartError::Failed(reason)) = Fragile::start(()) else { panic!() };
        assert_eq!(reason.to_string(), "cannot start");
    }
}

mod an_exit_error {
    use super::*;

    #[test]
    fn goes_out_of_main_as_a_boxed_error() {
        fn run() -> Result<(), Box<dyn Error>> {
            Err(reason())?
        }

        fn send() -> Result<(), Boxed> {
            Err(reason())?
        }

        assert_eq!(run().unwrap_err().downcast_ref(), Some(&ExitError(reason())));
        assert_eq!(send().unwrap_err().downcast_ref(), Some(&ExitError(reason())));
    }

    #[test]
    fn prints_as_its_reason_is_displayed() {
        let error = ExitError(ExitReason::from_display("no paper"));
        assert_eq!(
            (format!("{error}"), format!("{error:?}")),
            ("no paper".into(), "no paper".into())
        );
    }

    #[test]
    fn becomes_its_reason_again() {
        let back = || -> Result<(), ExitReason> { Err(ExitError(ExitReason::Shutdown))? };
        assert_eq!(back(), Err(ExitReason::Shutdown));
    }
}

mod a_body {
    use super::*;

    fn reason_of(body: impl FnOnce() -> Result<(), ExitReason> + Send + 'static) -> ExitReason {
        down_reason(process::spawn_monitor(body).unwrap().1)
    }

    #[test]
    fn that_returns_ok_ends_normally() {
        assert_eq!(reason_of(|| Ok(())), ExitReason::Normal);
    }

    #[test]
    fn that_returns_an_error_ends_with_it() {
        let failing = || -> io::Result<()> { Err(io::ErrorKind::NotFound.into()) };
        let reason = reason_of(move || Ok(failing()?));
        assert_eq!(reason.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn infers_the_type_of_its_error() {
        let (_, monitor) = process::spawn_monitor(|| {
            "x".parse::<u8>()?;
            Ok(())
        })
        .unwrap();
        assert_eq!(down_reason(monitor).to_string(), "invalid digit found in string");
    }

    #[test]
    fn of_proc_lib_that_returns_an_error_fails_its_start() {
        let outcome = procession::proc_lib::start::<(), _>(|starter| {
            "x".parse::<u8>()?;
            starter.ack(());
            Ok(())
        });
        let Err(procession::proc_lib::StartError::Failed(reason)) = outcome else { panic!() };
        assert_eq!(reason.to_string(), "invalid digit found in string");
    }
}
