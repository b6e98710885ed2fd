use procession::prelude::*;
use std::time::{Duration,Instant};
#[derive(Debug)] enum Op{Add(u64),Stop}
#[test] fn basics(){
    let me=process::self_pid();
    let (pid,m)=process::spawn_monitor(move || { 
        let mut t=0;
        loop { receive!{ Op::Add(n) if n>3 => t+=n, Op::Add(_)=>{}, Op::Stop => break } }
        process::send(me,t);
    }).unwrap();
    process::send(pid,Op::Add(2));process::send(pid,Op::Add(20));process::send(pid,Op::Stop);
    let t=receive!{ n: u64 => n };
    assert_eq!(t,20);
    receive!{ d: Down if d.monitor==m => assert_eq!(d.reason,ExitReason::Normal) }
    assert!(!process::is_alive(pid));
    // panic
    let (_,m)=process::spawn_monitor(|| panic!("boo {}",1)).unwrap();
    let d=receive!{ d: Down if d.monitor==m => d.reason };
    println!("{d} {d:?}");
    // kill
    let (p,m)=process::spawn_monitor(|| {process::receive();}).unwrap();
    let t=Instant::now();
    process::exit(p,ExitReason::Kill);
    assert!(!process::is_alive(p));
    let d=receive!{ d: Down if d.monitor==m => d.reason, after Duration::from_secs(5) => panic!("late") };
    assert_eq!(d,ExitReason::Killed); println!("{:?}",t.elapsed());
    // stuck
    let (p,m)=process::Builder::new().kill_grace(Duration::from_millis(50)).spawn_monitor(|| {std::thread::sleep(Duration::from_millis(300));}).unwrap();
    let t=Instant::now();
    process::exit(p,ExitReason::Kill);
    let d=receive!{ d: Down if d.monitor==m => d.reason, after Duration::from_secs(5) => panic!("late") };
    assert_eq!(d,ExitReason::Killed); println!("{:?} {:?}",t.elapsed(), process::system_info());
    assert!(t.elapsed()<Duration::from_millis(200));
    let l=process::spawn_link(||process::exit_self(ExitReason::new("bye"))).unwrap();
    receive!{ Exit{from,reason} if from==l => assert_eq!(reason,ExitReason::new("bye")) }
    let (a,b): (u8,u8) = (1,2);
    process::send(me,(a,b)); process::send(me,"str"); process::send(me, 5i32);
    receive!{ s: &str => assert_eq!(s,"str"), (1u8,x): (u8,u8) => assert_eq!(x,2) }
    receive!{ _ => {} after Duration::ZERO => panic!() }
    receive!{ m: Message => println!("{m:?} {}", m.type_name()), after Duration::ZERO => panic!() }
    let n=100_000; let t=Instant::now();
    for i in 0..n { process::send(me,i as u64);} for _ in 0..n { receive!{x: u64 => {std::hint::black_box(x);}} }
    println!("self send/recv {:?}",t.elapsed()/n);
    let t=Instant::now();
    for i in 0..n { process::send(me,i as u64); receive!{x: u64 => {std::hint::black_box(x);}} }
    println!("self send+recv {:?}",t.elapsed()/n);
    let t=Instant::now();
    for _ in 0..10000 { let (_,m)=process::spawn_monitor(||{}).unwrap(); receive!{ d: Down if d.monitor==m => {} } }
    println!("spawn+exit {:?} {:?}",t.elapsed()/10000, process::system_info());
}
