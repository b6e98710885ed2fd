//! Somebody who chats: a process in the group `lobby`, which spans all nodes.

use procession::gen_server::{Requests, Wire};
use procession::pg::{Change, Scope, Update};
use procession::prelude::*;
use serde::{Deserialize, Serialize};

/// The scope of the groups, on each node.
pub(crate) const ROOMS: &str = "chat";

const LOBBY: &str = "lobby";

fn rooms() -> Scope<String> {
    Scope::named(ROOMS)
}

/// Says something to everybody else in the lobby, wherever they are.
pub(crate) fn say(text: &str) {
    let said = Said { from: name_of(process::self_pid()), text: text.to_owned() };
    let me = process::whereis("member");
    for member in rooms().get_members(LOBBY) {
        if Some(member) != me {
            ServerRef::<Member>::from_pid(member).cast(said.clone());
        }
    }
}

/// A member has the name of its node.
fn name_of(member: Pid) -> String {
    let node = member.node();
    node.name().split('@').next().unwrap_or_default().to_owned()
}

#[derive(Debug)]
pub(crate) struct Member;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Said {
    from: String,
    text: String,
}

impl Wire for Member {
    fn requests(accept: &mut Requests<Member>) {
        accept.cast::<Said>("said"); // {said, <<"ann">>, <<"hello">>}
    }
}

impl GenServer for Member {
    type Args = ();

    fn init((): ()) -> InitResult<Member> {
        let (_, others) = rooms().monitor(LOBBY.to_owned())?;
        others.into_iter().for_each(|other| println!("{} is here", name_of(other)));
        rooms().join(LOBBY.to_owned(), process::self_pid())?;
        ready(Member)
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Member> {
        handle_info! { message;
            Update::<String> { change, pids, .. } => {
                let how = match change {
                    Change::Join => "is here",
                    Change::Leave => "is gone",
                };
                let others = pids.into_iter().filter(|pid| *pid != process::self_pid());
                others.for_each(|other| println!("{} {how}", name_of(other)));
                noreply()
            }
        }
    }
}

impl HandleCast<Said> for Member {
    fn handle_cast(&mut self, Said { from, text }: Said) -> CastResult<Member> {
        println!("{from}: {text}");
        noreply()
    }
}
