//! The application: who supervises whom.

use std::sync::Arc;
use std::time::Duration;

use procession::application::Application;
use procession::io::{TcpListener, TcpStream};
use procession::listener::{Listener, ListenerRef};
use procession::partition_supervisor::PartitionSupervisor;
use procession::prelude::*;
use procession::process::SpawnError;

use super::api::{PARTITIONS, name_of};
use super::connection;
use super::info::Service;
use super::server::{Partition, Settings};
use super::subscriber;

pub(crate) const MAX_CONNECTIONS: usize = 10_000;

const LISTENER: &str = "kv_listener";

/// How long the service may take to stop.
pub(crate) const SHUTDOWN_TIME: Duration = Duration::from_secs(10);

/// What the connections belong to.
pub(crate) fn listener() -> ListenerRef<Name> {
    ListenerRef::named(LISTENER)
}

/// Who is started later uses those before, and is stopped before them: first nobody connects any
/// more, then the connections end, and then the partitions save what they have.
pub(crate) fn application(
    socket: TcpListener,
    service: Arc<Service>,
    when_started: fn(&Service) -> Result<(), SpawnError>,
) -> Application {
    let of_connections = Arc::clone(&service);
    let serve = move |stream: TcpStream| connection::serve(stream, Arc::clone(&of_connections));
    let listener = Listener::on(socket, serve)
        .max_connections(MAX_CONNECTIONS)
        .refuse("-ERR max number of clients reached\r\n");
    Application::new("kv_service").description("a key/value service").start(move || {
        let started = Supervisor::rest_for_one()
            .child(subscriber::channels_child_spec())
            .child(partitions(&service).child_spec())
            .child(listener.clone().named_child_spec(LISTENER))
            .start_link()?;
        when_started(&service)?;
        Ok(started)
    })
}

fn partitions(service: &Service) -> PartitionSupervisor<ServerRef<Partition>> {
    let (options, losses) = (service.options.clone(), service.losses.clone());
    let template = ChildSpec::template("partition", move |number: usize| {
        let name = name_of(number);
        let settings = Settings {
            name: name.as_str().into(),
            path: options.dir.join(format!("partition-{number}.aof")),
            fsync: options.fsync,
            losses: losses.clone(),
        };
        Partition::start_link_with(settings, StartOptions::new().name(name))
    });
    PartitionSupervisor::new("kv_partitions", template).partitions(PARTITIONS)
}
