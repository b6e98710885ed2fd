//! The behaviour of the crate as a user sees it, a module per subject.

mod staging;
mod support;

mod process;
mod exit;
mod kill;
mod unwinding;
mod links;
mod foreign;
mod monitors;
mod aliases;
mod names;
mod messages;
mod receive_macro;
mod timers;
mod info;
mod puppet;
mod gen_server_start;
mod gen_server_call;
mod gen_server_stop;
mod sys;
mod sys_debug;
mod sys_code;
mod sys_handmade;
mod sys_load;
mod requests;
mod groups;
mod hibernate;
mod proc_lib;
mod enter_loop;
mod deadlock;
mod compile_fail;
mod user_code;
mod races;
mod tidy;
mod examples;
