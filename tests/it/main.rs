//! The behaviour of the crate as a user sees it, a module per subject.

#[path = "../support"]
mod support {
    #[cfg(all(feature = "dist", target_os = "linux"))]
    #[allow(dead_code, reason = "these tests need few of them")]
    pub(crate) mod beam;
    pub(crate) mod calls;
    pub(crate) mod child;
    pub(crate) mod dice;
    pub(crate) mod drops;
    #[allow(dead_code, reason = "these tests need few of them")]
    pub(crate) mod erlang;
    pub(crate) mod example;
    pub(crate) mod handlers;
    pub(crate) mod machine;
    pub(crate) mod machine_table;
    pub(crate) mod processes;
    pub(crate) mod program;
    pub(crate) mod rounds;
    pub(crate) mod scripted;
    pub(crate) mod supervision;
    pub(crate) mod table_machine;
    #[cfg(feature = "dist")]
    pub(crate) mod fuzz;
    #[cfg(feature = "dist")]
    pub(crate) mod terms;
    pub(crate) mod wait;
}

mod process;
mod exit;
mod exit_reasons;
mod errors;
mod kill;
mod blocking;
mod unwinding;
mod links;
mod foreign;
mod monitors;
mod aliases;
mod names;
mod wait_for;
mod orphans;
mod messages;
mod bounded;
mod bounded_blocking;
mod bounded_races;
mod receive_macro;
mod receive_macro_after;
mod timers;
mod timer_intervals;
mod timer_processes;
mod info;
mod gen_server_start;
mod gen_server_names;
mod gen_server_call;
mod gen_server_replies;
mod gen_server_casts;
mod handle_info_macro;
mod gen_server_callbacks;
mod gen_server_stop;
mod gen_server_terminate;
mod gen_statem_start;
mod gen_statem_calls;
mod gen_statem_events;
mod gen_statem_timeouts;
mod gen_statem_waits;
mod gen_statem_sys;
mod gen_statem_drops;
mod gen_statem_races;
mod sys;
mod sys_suspend;
mod sys_debug;
mod sys_install;
mod sys_code;
mod sys_handmade;
mod sys_load;
mod misdirected;
mod supervisor;
mod supervisor_sequences;
mod supervisor_rules;
mod supervisor_restarts;
mod supervisor_stops;
mod supervisor_backoff;
mod child_specs;
mod supervisor_reports;
mod supervisor_races;
mod dynamic_supervisor;
mod dynamic_supervisor_rules;
mod simple_one_for_one;
mod task;
mod task_many;
mod task_stream;
mod task_supervisor;
mod task_races;
mod default_timeouts;
mod supervisor_tree;
mod supervisor_bridge;
mod gen_statem_diagram;
mod gen_statem_model;
mod gen_event;
mod gen_event_calls;
mod gen_event_sys;
mod gen_event_swaps;
mod gen_event_owners;
mod via;
mod registry;
mod registry_partitions;
mod registry_history;
mod partition_supervisor;
mod pg;
mod global;
mod global_locks;
mod table;
mod table_owners;
mod table_races;
#[cfg(all(feature = "io", target_os = "linux"))]
mod listener;
#[cfg(all(feature = "io", target_os = "linux"))]
mod listener_limits;
mod agent;
mod requests;
mod groups;
mod hibernate;
#[cfg(all(feature = "io", target_os = "linux"))]
mod io_children;
mod proc_lib;
mod enter_loop;
mod deadlock;
mod deadlock_supervisors;
mod deadlock_walks;
#[cfg(all(feature = "io", target_os = "linux"))]
mod packets;
#[cfg(all(feature = "io", target_os = "linux"))]
mod owned_socket;
#[cfg(all(feature = "io", target_os = "linux"))]
mod owned_socket_owners;
#[cfg(all(feature = "io", target_os = "linux"))]
mod owned_socket_sends;
#[cfg(feature = "dist")]
mod term;
#[cfg(feature = "dist")]
mod term_attributes;
#[cfg(feature = "dist")]
mod term_serde;
#[cfg(feature = "dist")]
mod term_hostile;
#[cfg(feature = "dist")]
mod term_fuzz;
mod compile_fail;
mod user_code;
mod io;
mod io_interrupts;
mod io_races;
mod races;
mod testing;
mod tidy;
mod examples;
mod example_cores;
mod examples_servers;
mod examples_machines;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod examples_nodes;
