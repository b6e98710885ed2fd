//! Scenarios, as text that both sides interpret.
//!
//! A script has a step on each line. A step begins with the index of the process that takes it,
//! and goes on with what that does, one operation in parentheses after the other: `0 ( link 1 )`.
//! A step that begins with `*` makes the processes of these indices. Between two steps everything
//! comes to rest. What there is to do is in `here/perform.rs` and `scenario.erl`.

use std::fmt;

/// A word, or a list of what is in parentheses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Term {
    Word(String),
    List(Vec<Term>),
}

impl Term {
    /// The word that it is; empty if it is a list.
    pub(crate) fn word(&self) -> &str {
        if let Term::Word(word) = self { word } else { "" }
    }

    /// Returns the items of a list; nothing of a word.
    pub(crate) fn list(&self) -> &[Term] {
        if let Term::List(list) = self { list } else { &[] }
    }

    /// Whether the word is in it, however deep.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.word() == word || self.list().iter().any(|term| term.has(word))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Word(word) => f.write_str(word),
            Term::List(list) => {
                f.write_str("( ")?;
                list.iter().try_for_each(|term| write!(f, "{term} "))?;
                f.write_str(")")
            }
        }
    }
}

/// One step of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step(pub(crate) Vec<Term>);

impl Step {
    pub(crate) fn parse(line: &str) -> Step {
        let mut lists = vec![Vec::new()];
        for word in line.split_whitespace() {
            match word {
                "(" => lists.push(Vec::new()),
                ")" => {
                    let list = lists.pop().expect("there is one more than are open");
                    lists.last_mut().expect("as many are opened as closed").push(Term::List(list));
                }
                _ => {
                    let word = Term::Word(word.to_owned());
                    lists.last_mut().expect("as many are opened as closed").push(word);
                }
            }
        }
        Step(lists.pop().expect("as many are opened as closed"))
    }

    /// The actor, and what it does.
    pub(crate) fn parts(&self) -> (&str, &[Term]) {
        let (actor, operations) = self.0.split_first().expect("no step is empty");
        (actor.word(), operations)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{term}")?;
        }
        Ok(())
    }
}

/// A scenario.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Script(pub(crate) Vec<Step>);

impl Script {
    /// Lines that are empty, or begin with `%`, say nothing.
    pub(crate) fn parse(text: &str) -> Script {
        let lines = text.lines().map(str::trim);
        let steps = lines.filter(|line| !line.is_empty() && !line.starts_with('%'));
        Script(steps.map(Step::parse).collect())
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

mod a_script {
    use super::*;

    #[test]
    fn is_read_as_it_is_printed() {
        let text = "* 0 1\n0 ( link 1 ) ( spawn 2 ( exit_self oops ) )\n";
        assert_eq!(Script::parse(text).to_string(), text);
    }
}
