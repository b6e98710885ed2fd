//! Makes a script that shows a difference as short as it can be.

use crate::script::{Script, Step, Term};

/// The shortest script that is found from `script` for which `differs` still holds.
pub(crate) fn shortest(script: Script, mut differs: impl FnMut(&Script) -> bool) -> Script {
    let mut shortest = script;
    loop {
        let before = shortest.clone();
        shortest = without_steps(shortest, &mut differs);
        shortest = without_terms(shortest, &mut differs);
        if shortest == before {
            return shortest;
        }
    }
}

/// Drops steps, first many at once, then one by one.
fn without_steps(mut script: Script, differs: &mut impl FnMut(&Script) -> bool) -> Script {
    let mut size = script.0.len().div_ceil(2);
    while size > 0 {
        let mut start = 0;
        while start < script.0.len() {
            let end = (start + size).min(script.0.len());
            let mut shorter = script.clone();
            shorter.0.drain(start..end);
            if differs(&shorter) {
                script = shorter;
            } else {
                start = end;
            }
        }
        size /= 2;
    }
    script
}

/// Drops operations, and what is in lists in them, one by one.
fn without_terms(mut script: Script, differs: &mut impl FnMut(&Script) -> bool) -> Script {
    let mut place = 0;
    while let Some(shorter) = without_term(&script, place) {
        if differs(&shorter) {
            script = shorter;
        } else {
            place += 1;
        }
    }
    script
}

/// Without the list at this place, counted from the first step; `None` if there are not so many.
fn without_term(script: &Script, place: usize) -> Option<Script> {
    let mut left = place;
    let mut shorter = script.clone();
    let removed = shorter.0.iter_mut().any(|Step(terms)| remove(terms, 1, &mut left));
    removed.then_some(shorter)
}

fn remove(terms: &mut Vec<Term>, from: usize, left: &mut usize) -> bool {
    for index in from..terms.len() {
        if matches!(terms[index], Term::Word(_)) {
            continue;
        }
        if !is_needed(terms, index) {
            if *left == 0 {
                terms.remove(index);
                return true;
            }
            *left -= 1;
        }
        if let Term::List(inner) = &mut terms[index]
            && remove(inner, 0, left)
        {
            return true;
        }
    }
    false
}

/// Whether the list at `index` is one without which an operation means nothing.
fn is_needed(terms: &[Term], index: usize) -> bool {
    let lists = terms.iter().filter(|term| matches!(term, Term::List(_))).count();
    match terms.first().map_or("", Term::word) {
        "catch" => true,
        "child" | "start_one" => lists == 1,
        "start" | "pl_start" | "start_machine" => index == 2,
        "on" => index == 3,
        "enter" => index == 2,
        "start_child" => true,
        _ => false,
    }
}

mod the_shortest_script {
    use super::*;

    #[test]
    fn has_only_what_it_takes() {
        let script = "* 0 1\n0 ( trap on )\n0 ( link 1 ) ( spawn 2 ( crash ) )\n1 ( drain )\n";
        let shortest = shortest(Script::parse(script), |script| {
            script.to_string().contains("crash") && script.to_string().contains('*')
        });
        assert_eq!(shortest.to_string(), "* 0 1\n0 ( spawn 2 ( crash ) )\n");
    }

    #[test]
    fn keeps_what_an_operation_means_nothing_without() {
        let script = "0 ( catch ( crash ) ) ( start 1 ( monitor m0 ) - ( trap on ) )\n";
        let shortest = shortest(Script::parse(script), |script| {
            script.to_string().contains("catch") && script.to_string().contains("start")
        });
        assert_eq!(shortest.to_string(), "0 ( catch ( crash ) ) ( start 1 ( monitor m0 ) - )\n");
    }
}
