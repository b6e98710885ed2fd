//! Rock, paper, scissors: a waiting room brings two players together, and a game begins.
//!
//! ```text
//!   club (rest_for_one)
//!       games (dynamic)
//!           a game for each two players
//!       waiting room
//! ```
//!
//! What to look for: the answer to a move is given when the other player has moved, too; until then
//! the caller waits, and the server does not. A game that is over ends normally, and is not started
//! again, as games are transient. When one crashes, nobody has to tell the players: their calls
//! return the reason. The game that takes its place invites the same two, to begin anew.
//!
//! Run it with `cargo run --example rock_paper_scissors`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::error::Error;

use procession::dynamic_supervisor::{DynamicSupervisor, DynamicSupervisorRef};
use procession::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Rock,
    Paper,
    Scissors,
    Well,
}

impl Shape {
    fn beats(self, other: Shape) -> bool {
        use Shape::{Paper, Rock, Scissors, Well};
        assert!(self != Well && other != Well, "this is not played with a well");
        matches!((self, other), (Rock, Scissors) | (Scissors, Paper) | (Paper, Rock))
    }
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Won,
    Lost,
    Draw,
}

/// A game of two players; the first who wins a round wins it.
#[derive(Debug)]
struct Game {
    /// The move of who was quicker, and who waits for what comes of it.
    first: Option<(Shape, ReplyTo<Outcome>)>,
}

/// To a player: this game is yours.
#[derive(Debug)]
struct Invitation(ServerRef<Game>);

impl GenServer for Game {
    type Args = [Pid; 2];

    fn init(players: [Pid; 2]) -> InitResult<Self> {
        for player in players {
            process::send(player, Invitation(ServerRef::from_pid(process::self_pid())));
        }
        ready(Game { first: None })
    }
}

impl HandleCall<Shape> for Game {
    type Reply = Outcome;

    fn handle_call(&mut self, mine: Shape, caller: &Caller<Outcome>) -> CallResult<Self, Shape> {
        let Some((theirs, other)) = self.first.take() else {
            self.first = Some((mine, caller.defer()));
            return noreply();
        };
        if mine == theirs {
            other.reply(Outcome::Draw);
            return reply(Outcome::Draw);
        }
        // Until it is settled, both wait: they hear of it if this crashes.
        let (won, lost) = (Outcome::Won, Outcome::Lost);
        let (mine, theirs) = if mine.beats(theirs) { (won, lost) } else { (lost, won) };
        other.reply(theirs);
        stop_with_reply(ExitReason::Normal, mine)
    }
}

/// Where players wait for each other.
#[derive(Debug, Default)]
struct WaitingRoom {
    waiting: Option<Pid>,
}

/// From a player.
#[derive(Debug)]
struct Enter(Pid);

impl GenServer for WaitingRoom {
    type Args = ();

    fn init((): ()) -> InitResult<Self> {
        ready(WaitingRoom::default())
    }
}

impl HandleCast<Enter> for WaitingRoom {
    fn handle_cast(&mut self, Enter(player): Enter) -> CastResult<Self> {
        // One that has left meanwhile cannot play.
        match self.waiting.take().filter(|waiting| process::is_alive(*waiting)) {
            None => self.waiting = Some(player),
            Some(waiting) => {
                let game = Game::child_spec([waiting, player]).restart(Restart::Transient);
                DynamicSupervisorRef::named("games").start_child(game)?;
            }
        }
        noreply()
    }
}

/// What has happened to a player.
#[derive(Debug)]
struct Story(&'static str, Vec<String>);

/// Has a player enter, who plays these shapes one after the other, and tells its story in the end.
fn enter(name: &'static str, shapes: &'static [Shape]) -> Result<(), Box<dyn Error>> {
    let listener = process::self_pid();
    let mut shapes = shapes.iter().copied();
    process::spawn(move || {
        ServerRef::<WaitingRoom>::named("waiting_room").cast(Enter(process::self_pid()));
        let mut story = Vec::new();
        let mut is_over = false;
        while !is_over {
            receive! { Invitation(game) => is_over = play(&game, &mut shapes, &mut story) }
        }
        process::send(listener, Story(name, story));
    })?;
    Ok(())
}

/// Plays a game until it is over, or has crashed.
fn play(
    game: &ServerRef<Game>,
    shapes: &mut impl Iterator<Item = Shape>,
    story: &mut Vec<String>,
) -> bool {
    story.push("is invited".to_owned());
    for shape in shapes {
        match game.call(shape) {
            Ok(outcome @ (Outcome::Won | Outcome::Lost)) => {
                story.push(format!("{shape:?}: {outcome:?}"));
                return true;
            }
            Ok(Outcome::Draw) => story.push(format!("{shape:?}: Draw")),
            Err(error) => {
                if let CallErrorKind::Down(reason) = error.kind() {
                    let panic = reason.as_panic().map_or("no panic", |panic| &panic.message);
                    story.push(format!("{shape:?}: the game has crashed: {panic}"));
                    return false;
                }
                story.push(error.to_string());
                return true;
            }
        }
    }
    true
}

/// Prints what has happened to two players, when they have told it.
fn print_stories(names: [&str; 2]) {
    for expected in names {
        receive! {
            Story(name, story) if name == expected => println!("{name}: {}", story.join("; ")),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    let games = DynamicSupervisor::new().named_child_spec("games");
    let room = WaitingRoom::named_child_spec("waiting_room", ());
    let club = Supervisor::rest_for_one().child(games).child(room).start_link()?;

    println!("a game:");
    enter("ann", &[Shape::Paper, Shape::Rock])?;
    enter("bob", &[Shape::Paper, Shape::Scissors])?;
    print_stories(["ann", "bob"]);

    println!("a game that crashes:");
    enter("cleo", &[Shape::Paper, Shape::Rock, Shape::Scissors])?;
    enter("dan", &[Shape::Paper, Shape::Well, Shape::Paper])?;
    print_stories(["cleo", "dan"]);
    club.stop()?;
    Ok(())
}
