//! Terms as values: their bytes, their text and their order.

use procession::term::{
    self, Atom, BitString, DecodeErrorKind, ExternalPid, ExternalPort, ExternalRef, ImproperList,
    Map, Term, atom,
};

use crate::support::dice::Dice;
use crate::support::terms::{self, Kinds};

/// Reads the term that follows the version.
fn read(bytes: &[u8]) -> Term {
    try_read(bytes).unwrap()
}

fn try_read(bytes: &[u8]) -> Result<Term, term::DecodeError> {
    term::from_slice(&[&[131], bytes].concat())
}

/// The bytes of the term, without the version.
fn written(term: &Term) -> Vec<u8> {
    let mut bytes = term::to_vec(term).unwrap();
    assert_eq!(bytes.remove(0), 131);
    bytes
}

fn error(bytes: &[u8]) -> String {
    let error = try_read(bytes).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::Malformed);
    error.to_string()
}

mod round_trip {
    use super::*;

    #[test]
    fn gives_the_same_term_for_random_terms() {
        for seed in 0..20_000 {
            let mut dice = Dice::new(seed);
            let size = dice.index(&[1, 3, 10, 100]);
            let term = terms::term(&mut dice, Kinds::All, size);
            let bytes = term::to_vec(&term).unwrap();
            let back: Term = term::from_slice(&bytes).unwrap();
            assert_eq!(back, term, "seed {seed}");
            assert_eq!(term::to_vec(&back).unwrap(), bytes, "seed {seed}");
            assert_eq!(term::from_term::<Term>(&term).unwrap(), term, "seed {seed}");
        }
    }

    #[test]
    fn keeps_integers_around_each_power_of_256() {
        for length in (0..20).chain([253, 254, 255, 256, 257, 1000]) {
            for negative in [false, true] {
                for first in [0, 1, 0xff] {
                    let mut magnitude = vec![first; length];
                    magnitude.push(1);
                    let number = Term::integer(negative, &magnitude);
                    assert_eq!(read(&written(&number)), number, "{number}");
                    assert_eq!(written(&number)[0], integer_tag(&number), "{number}");
                }
            }
        }
    }

    /// The shortest form that there is.
    fn integer_tag(number: &Term) -> u8 {
        if let Term::BigInteger(number) = number {
            return if number.magnitude().len() > 255 { 111 } else { 110 };
        }
        let Term::Integer(number) = number else { unreachable!("{number}") };
        match number {
            0..=255 => 97,
            -0x8000_0000..=0x7fff_ffff => 98,
            _ => 110,
        }
    }
}

mod bytes {
    use super::*;

    /// OTP 25, run: `binary_to_term/1`.
    #[test]
    fn of_each_tag_are_read_as_erlang_does() {
        let rust = || atom("a");
        let cases: [(&[u8], Term); 24] = [
            (&[108, 0, 0, 0, 0, 106], Term::List(vec![])),
            (&[108, 0, 0, 0, 0, 97, 1], 1.into()),
            (&[108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 106], list(&[1, 2])),
            (&[108, 0, 0, 0, 1, 97, 1, 107, 0, 1, 5], list(&[1, 5])),
            (&[107, 0, 0], list(&[])),
            (&[77, 0, 0, 0, 0, 0], "".into()),
            (&[77, 0, 0, 0, 1, 8, 255], Term::Binary(vec![255].into())),
            (&[77, 0, 0, 0, 1, 3, 255], BitString::new(&[0b1110_0000], 3)),
            (&[110, 1, 2, 5], (-5).into()),
            (&[110, 0, 0], 0.into()),
            (&[110, 2, 1, 5, 0], (-5).into()),
            (&[110, 1, 1, 0], 0.into()),
            (&[111, 0, 0, 0, 1, 0, 7], 7.into()),
            (&[98, 255, 255, 255, 255], (-1).into()),
            (&[70, 128, 0, 0, 0, 0, 0, 0, 0], Term::Float(-0.0)),
            (&[105, 0, 0, 0, 0], Term::Tuple(vec![])),
            (&[119, 2, 195, 169], atom("é").into()),
            (&[118, 0, 2, 195, 169], atom("é").into()),
            (&[100, 0, 1, 233], atom("é").into()),
            (&[115, 1, 233], atom("é").into()),
            // In Latin-1, not the bytes of one character.
            (&[115, 2, 195, 169], atom("Ã©").into()),
            (
                &[88, 119, 1, 97, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
                ExternalPid { node: rust(), id: 1, serial: 2, creation: 3 }.into(),
            ),
            (
                &[90, 0, 1, 119, 1, 97, 0, 0, 0, 1, 0, 0, 0, 7],
                ExternalRef::new(rust(), 1, &[7]).into(),
            ),
            (
                &[120, 119, 1, 97, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 3],
                ExternalPort { node: rust(), id: 7, creation: 3 }.into(),
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(bytes), expected, "{bytes:?}");
        }
    }

    fn list(items: &[i64]) -> Term {
        Term::List(items.iter().map(|&item| item.into()).collect())
    }

    #[test]
    fn that_are_wrong_are_refused_with_what_and_where() {
        assert_eq!(error(&[]), "the term is cut short, at byte 1");
        assert_eq!(error(&[109, 0, 0, 0, 2, 1]), "the term is cut short, at byte 7");
        assert_eq!(error(&[80, 0]), "no term begins with 80, at byte 1");
        assert_eq!(error(&[104, 1, 82]), "no term begins with 82, at byte 3");
        assert_eq!(error(&[97, 1, 97]), "1 bytes follow the term, at byte 3");
        assert_eq!(error(&[104, 2, 97]), "more is announced than there is, at byte 1");
        assert_eq!(error(&[119, 1, 195]), "an atom that is not UTF-8, at byte 2");
        let refused = "a bit string of 1 bytes, with 9 bits in the last, at byte 2";
        assert_eq!(error(&[77, 0, 0, 0, 1, 9, 0]), refused);
        let refused = "a reference of 0 words, where 1 to 5 are allowed, at byte 2";
        assert_eq!(error(&[90, 0, 0, 119, 1, 97, 0, 0, 0, 1]), refused);
        assert_eq!(error(&[112, 0, 0, 0, 3]), "a fun that is shorter than its size, at byte 2");
        assert_eq!(error(&[88, 97, 1]), "an atom must stand here, at byte 2");
        let fun = [113, 119, 1, 97, 119, 1, 98, 98, 0, 0, 0, 1];
        assert_eq!(error(&fun), "a small integer must stand here, at byte 8");
        let twice = [116, 0, 0, 0, 2, 97, 1, 97, 1, 97, 1, 97, 2];
        assert_eq!(error(&twice), "a map with one key twice, at byte 1");

        let error = term::from_slice::<Term>(&[130, 106]).unwrap_err();
        assert_eq!(error.to_string(), "a term begins with 131, not with 130, at byte 0");
    }

    #[test]
    fn of_an_integer_may_have_zeros_at_their_end() {
        for zeros in 0..40 {
            let zeros = vec![0; zeros];
            let number = |magnitude: &[u8]| {
                let magnitude = [magnitude, &zeros].concat();
                let read = read(&[&[110, magnitude.len() as u8, 1][..], &magnitude].concat());
                assert_eq!(read, Term::integer(true, &magnitude));
                read
            };
            assert_eq!(number(&[5]), Term::Integer(-5));
            let power = [&[0; 16][..], &[1]].concat();
            assert_eq!(number(&power).to_string(), "-340282366920938463463374607431768211456");
            assert_eq!(number(&power), Term::integer(true, &power));
        }
    }

    #[test]
    fn of_floats_that_are_not_finite_are_refused() {
        for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let bytes = [&[70], &float.to_be_bytes()[..]].concat();
            assert_eq!(error(&bytes), "a float that is not finite, at byte 2");
            let error = term::to_vec(&Term::Float(float)).unwrap_err();
            assert_eq!(error.to_string(), format!("the float {float} is no term"));
        }
    }

    #[test]
    fn of_a_fun_are_handed_on_unchanged() {
        // OTP 25, run: term_to_binary(fun(X) -> X end) in a module u.
        let fun = [
            112, 0, 0, 0, 69, 1, 192, 221, 69, 186, 115, 239, 31, 6, 181, 205, 167, 19, 216, 252,
            197, 110, 0, 0, 0, 1, 0, 0, 0, 0, 100, 0, 1, 117, 97, 1, 98, 6, 6, 234, 45, 88, 100, 0,
            13, 110, 111, 110, 111, 100, 101, 64, 110, 111, 104, 111, 115, 116, 0, 0, 0, 9, 0, 0,
            0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(written(&read(&fun)), fun);
        assert_eq!(read(&fun).to_string(), "#Fun<u>");
    }
}

mod atoms {
    use super::*;

    #[test]
    fn have_up_to_255_characters() {
        for character in ["a", "é", "日", "😀"] {
            let longest = Atom::new(&character.repeat(255)).unwrap();
            assert_eq!(read(&written(&longest.clone().into())), longest.into());

            let error = Atom::new(&character.repeat(256)).unwrap_err();
            assert_eq!(error.characters, 256);
        }
    }

    #[test]
    fn that_are_longer_are_refused_in_each_form() {
        let text = "an atom of 256 characters, where 255 are allowed, at byte 2";
        let name = "a".repeat(256);
        assert_eq!(error(&[&[118, 1, 0], name.as_bytes()].concat()), text);
        assert_eq!(error(&[&[100, 1, 0], name.as_bytes()].concat()), text);
        // 510 bytes, but 255 characters.
        let name = "é".repeat(255);
        assert_eq!(read(&[&[118, 1, 254], name.as_bytes()].concat()).to_string(), name);
    }

    #[test]
    fn are_found_in_a_map_by_their_name() {
        let ages = std::collections::HashMap::from([(atom("ann"), 7)]);
        assert_eq!(ages.get("ann"), Some(&7));
    }

    #[test]
    fn in_latin_1_are_those_of_utf_8() {
        for byte in 0..=255_u8 {
            let expected = Term::from(Atom::new(&char::from(byte).to_string()).unwrap());
            assert_eq!(read(&[115, 1, byte]), expected);
            assert_eq!(read(&[100, 0, 1, byte]), expected);
            assert_eq!(read(&written(&expected)), expected);
        }
    }
}

mod lists {
    use super::*;

    fn repeated(byte: u8, count: usize) -> Term {
        Term::List(vec![byte.into(); count])
    }

    #[test]
    fn of_bytes_have_a_form_of_their_own_up_to_65_535() {
        let bytes = written(&repeated(7, 65_535));
        assert_eq!((bytes.len(), &bytes[..4]), (65_538, &[107, 255, 255, 7][..]));
        assert_eq!(read(&bytes), repeated(7, 65_535));

        let bytes = written(&repeated(7, 65_536));
        assert_eq!((bytes.len(), &bytes[..7]), (131_078, &[108, 0, 1, 0, 0, 97, 7][..]));
        assert_eq!(read(&bytes), repeated(7, 65_536));
        assert_eq!(term::to_vec(&vec![7_u8; 65_536]).unwrap()[1..], bytes);
    }

    #[test]
    fn that_end_in_a_list_are_one_list() {
        let inner = ImproperList::new(vec![2.into()], atom("z").into());
        let list = ImproperList::new(vec![1.into()], inner);
        assert_eq!(list.to_string(), "[1,2|z]");
        assert_eq!(read(&[108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 119, 1, 122]), list);
    }

    /// Their pieces are in one another in the bytes, but not in the list.
    #[test]
    fn in_pieces_are_read_in_one_go() {
        let mut bytes = [108, 0, 0, 0, 1, 97, 1].repeat(500);
        bytes.push(106);
        assert_eq!(read(&bytes), repeated(1, 500));
        assert_eq!(
            term::from_slice::<Vec<u16>>(&[&[131], &bytes[..]].concat()).unwrap(),
            vec![1; 500]
        );
    }
}

mod maps {
    use super::*;

    #[test]
    fn are_equal_in_whatever_order_they_come() {
        let one = read(&[116, 0, 0, 0, 2, 97, 1, 97, 2, 119, 1, 97, 106]);
        let other = read(&[116, 0, 0, 0, 2, 119, 1, 97, 106, 97, 1, 97, 2]);
        assert_eq!(one, other);
        assert_eq!(one.to_string(), "#{1 => 2,a => []}");
    }

    #[test]
    fn keep_the_last_value_of_a_key() {
        let mut map = Map::from_iter([(2, "a"), (1, "b"), (2, "c")]);
        assert_eq!(Term::Map(map.clone()).to_string(), r#"#{1 => <<"b">>,2 => <<"c">>}"#);
        assert_eq!(map.insert(1.into(), 5.into()), Some("b".into()));
        assert_eq!(map.insert(3.into(), 6.into()), None);
        assert_eq!((map.len(), map.get(&3.into())), (3, Some(&6.into())));
        assert_eq!(map.get(&4.into()), None);
    }
}

mod display {
    use super::*;

    #[track_caller]
    fn check(term: impl Into<Term>, expected: &str) {
        let term = term.into();
        assert_eq!(term.to_string(), expected);
        assert_eq!(format!("{term:?}"), expected);
    }

    /// OTP 25, run: `io:format("~0tp")` after `erl +pc unicode`.
    #[test]
    fn is_what_erlang_prints() {
        check(Term::Tuple(vec![atom("deposit").into(), "x".into()]), r#"{deposit,<<"x">>}"#);
        check(atom("hello@x"), "hello@x");
        check(atom("Hello"), "'Hello'");
        check(atom("it's\n\u{1}\u{7f}"), r"'it\'s\n\001\d'");
        check(atom("div"), "'div'");
        check(atom("ж"), "'ж'");
        check(atom("ñandú"), "ñandú");
        check(Term::List(vec![97.into(), 98.into()]), r#""ab""#);
        check(Term::List(vec![1.into(), 2.into()]), "[1,2]");
        check(Term::Binary(vec![1, 2].into()), "<<1,2>>");
        check("ж", r#"<<"ж"/utf8>>"#);
        check("a\"b\u{1b}", r#"<<"a\"b\e">>"#);
        check(Term::Binary(vec![233].into()), r#"<<"é">>"#);
        check("", "<<>>");
        check(BitString::new(&[97, 0b1010_0000], 3), "<<97,5:3>>");
        check(ImproperList::new(vec![97.into()], 98.into()), "[97|98]");
        check(1_i128 << 70, "1180591620717411303424");
        check(-(1_i128 << 70), "-1180591620717411303424");
    }

    #[test]
    fn of_floats_is_the_shorter_form() {
        for (float, expected) in [
            (1.0, "1.0"),
            (100.0, "100.0"),
            (1000.0, "1.0e3"),
            (120_000.0, "1.2e5"),
            (12_345_678.0, "12345678.0"),
            (0.0001, "0.0001"),
            (0.00001, "1.0e-5"),
            (9_007_199_254_740_991.0, "9007199254740991.0"),
            (9_007_199_254_740_992.0, "9.007199254740992e15"),
            (5e-324, "5.0e-324"),
            (-0.0, "-0.0"),
            // In the middle between two texts that are as short.
            (1_222_658_676_046_625.0 + 0.25, "1222658676046625.2"),
        ] {
            check(float, expected);
        }
    }

    #[test]
    fn of_pids_and_their_like_has_the_name_of_the_node() {
        let node = || atom("beam@127.0.0.1");
        check(
            ExternalPid { node: node(), id: 85, serial: 0, creation: 1 },
            "<beam@127.0.0.1.85.0>",
        );
        check(ExternalRef::new(node(), 1, &[1, 2, 3]), "#Ref<beam@127.0.0.1.3.2.1>");
        check(ExternalPort { node: node(), id: 6, creation: 1 }, "#Port<beam@127.0.0.1.6>");
        let odd = ExternalPid { node: atom("a\nb"), id: 1, serial: 2, creation: 1 };
        check(odd, r"<'a\nb'.1.2>");
    }

    #[test]
    fn of_very_long_integers_is_to_the_base_16() {
        let mut magnitude = vec![0; 999];
        magnitude.push(0xab);
        let expected = format!("-16#AB{}", "00".repeat(999));
        check(Term::integer(true, &magnitude), &expected);

        let shorter = Term::integer(false, &[vec![0; 998], vec![1]].concat());
        assert_eq!(shorter.to_string().len(), 2404);
    }
}
