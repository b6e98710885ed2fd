//! What scopes of other nodes say, as the requests that the server of a scope takes.

use std::any::Any;
use std::sync::Arc;

use crate::gen_server::wire::{Tag, dispatch_cast};
use crate::gen_server::{CastResult, GenServer, HandleCast, Requests, Wire};
use crate::message::Message;
use crate::term::WireTerm;

use super::Group;
use super::peers::Said;
use super::serve::Server;
use super::spelling::read;

impl<G: Group> Wire for Server<G> {
    fn requests(accept: &mut Requests<Server<G>>) {
        accept.cast_by::<Said<Arc<G>>>("sync", |said, _: Tag, server: &mut dyn Any| {
            dispatch_cast::<Server<G>, _>(read::<G>(said)?, server);
            Ok(())
        });
        for tag in ["discover", "join", "leave"] {
            accept.info_by(tag, |said: WireTerm<'_>, _, ()| read::<G>(said).map(Message::new));
        }
    }
}

impl<G: Group> HandleCast<Said<Arc<G>>> for Server<G> {
    fn handle_cast(&mut self, said: Said<Arc<G>>) -> CastResult<Server<G>> {
        self.handle_info(Message::new(said))
    }
}
