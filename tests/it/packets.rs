//! Packets in streams.

use std::io::{self, Read, Write};

use procession::io::{Decoder, Packet, PacketTooLong, Packets};

/// A generator of numbers: xorshift.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n as u64) as usize
    }
}

/// What a decoder has returned: its packets, and its error.
type Outcome = (Vec<Vec<u8>>, Option<PacketTooLong>);

/// Takes all packets that are there.
fn drain(decoder: &mut Decoder, outcome: &mut Outcome) {
    loop {
        match decoder.next_packet() {
            Ok(Some(packet)) => outcome.0.push(packet),
            Ok(None) => return,
            Err(error) => return outcome.1 = Some(error),
        }
    }
}

fn decoded(mut decoder: Decoder, bytes: &[u8]) -> Outcome {
    let mut outcome = Outcome::default();
    decoder.feed(bytes);
    drain(&mut decoder, &mut outcome);
    outcome
}

#[track_caller]
fn check(decoder: Decoder, bytes: &[u8], expected: &[&[u8]], fails: bool) {
    let (packets, error) = decoded(decoder, bytes);
    assert_eq!(packets, expected);
    assert_eq!(error.is_some(), fails, "{error:?}");
}

// OTP: decode_packet_SUITE:basic.
#[test]
fn next_packet_has_no_header_and_a_line_has_its_newline() {
    check(Decoder::new(Packet::Raw), b"abc", &[b"abc"], false);
    check(Decoder::new(Packet::Line), b"a\n\nb", &[b"a\n", b"\n"], false);
    check(Decoder::new(Packet::Length1), b"\x01a\x00\x02b", &[b"a", b""], false);
    check(Decoder::new(Packet::Length2), b"\0\x01a\0", &[b"a"], false);
    check(Decoder::new(Packet::Length4), b"\0\0\0\x02ab\0\0\0\x01", &[b"ab"], false);
}

// OTP 25, run: decode_packet(line, <<"01234">>, [{line_length,5}]) is {ok,<<"01234">>,<<>>}.
#[test]
fn a_line_that_is_longer_than_line_length_comes_in_pieces() {
    let lines = || Decoder::new(Packet::Line).line_length(5);
    check(lines(), b"0123\n", &[b"0123\n"], false);
    check(lines(), b"01234", &[b"01234"], false);
    check(lines(), b"01234\n", &[b"01234", b"\n"], false);
    check(lines(), b"0123456789ab\nc\n", &[b"01234", b"56789", b"ab\n", b"c\n"], false);
}

// OTP: decode_packet_SUITE:packet_size.
#[test]
fn a_packet_that_is_longer_than_packet_size_is_an_error_after_those_before_it() {
    let of_five = |packet| Decoder::new(packet).packet_size(5);
    check(of_five(Packet::Raw), b"0123456789", &[b"0123456789"], false);
    check(of_five(Packet::Line), b"0123\n01234\n", &[b"0123\n"], true);
    check(of_five(Packet::Line), b"01234", &[], false);
    check(of_five(Packet::Line), b"012345", &[], true);
    check(of_five(Packet::Length1), b"\x0501234\x06", &[b"01234"], true);
    check(of_five(Packet::Length2), b"\0\x0501234\0\x06", &[b"01234"], true);
    check(of_five(Packet::Length4), b"\0\0\0\x0501234\0\0\0\x06", &[b"01234"], true);
}

// OTP 25, run: decode_packet(4, <<16#7ffffffc:32>>, []) is {error,invalid}.
#[test]
fn a_length_of_four_bytes_has_the_maximum_that_it_has_in_otp() {
    check(Decoder::new(Packet::Length4), &0x7fff_fffb_u32.to_be_bytes(), &[], false);
    check(Decoder::new(Packet::Length4), &0x7fff_fffc_u32.to_be_bytes(), &[], true);
    check(Decoder::new(Packet::Length4), &u32::MAX.to_be_bytes(), &[], true);
}

#[test]
fn an_error_stays() {
    let mut decoder = Decoder::new(Packet::Length1).packet_size(1);
    decoder.feed(b"\x02ab");
    let error = decoder.next_packet().unwrap_err();
    assert_eq!((error.size, error.limit), (2, 1));
    decoder.feed(b"\x01a");
    assert_eq!(decoder.next_packet(), Err(error));
    assert!(decoder.remaining().is_empty());
    assert_eq!(error.to_string(), "a packet of 2 bytes, where at most 1 are allowed");
}

// OTP 25, run: what is left of the lines is read as raw bytes.
#[test]
fn set_packet_cuts_what_has_not_been_taken() {
    let mut decoder = Decoder::new(Packet::Line);
    decoder.feed(b"head\n\0\x01a");
    assert_eq!(decoder.next_packet(), Ok(Some(b"head\n".to_vec())));
    assert_eq!(decoder.next_packet(), Ok(None));
    decoder.set_packet(Packet::Length2);
    assert_eq!(decoder.next_packet(), Ok(Some(b"a".to_vec())));
}

#[test]
fn encode_is_undone_by_the_decoder_up_to_the_longest_body() {
    for (packet, longest) in [(Packet::Length1, 0xff), (Packet::Length2, 0xffff)] {
        for size in [0, 1, longest] {
            let body = vec![7; size];
            let encoded = packet.encode(&body).unwrap();
            check(Decoder::new(packet), &encoded, &[&body], false);
        }
        let error = packet.encode(&vec![7; longest + 1]).unwrap_err();
        assert_eq!((error.size, error.limit), (longest + 1, longest));
    }
    assert_eq!(*Packet::Length4.encode(b"ab").unwrap(), *b"\0\0\0\x02ab");
    assert_eq!(*Packet::Raw.encode(b"ab").unwrap(), *b"ab");
}

/// What the framing of all the bytes is, said as plainly as it can be.
struct Model {
    packet: Packet,
    packet_size: Option<usize>,
    line_length: usize,
}

impl Model {
    fn of(numbers: &mut Numbers) -> Model {
        let packets =
            [Packet::Raw, Packet::Line, Packet::Length1, Packet::Length2, Packet::Length4];
        Model {
            packet: packets[numbers.below(packets.len())],
            packet_size: (numbers.below(2) == 0).then(|| numbers.below(40)),
            line_length: 1 + numbers.below(20),
        }
    }

    fn decoder(&self) -> Decoder {
        let decoder = Decoder::new(self.packet).line_length(self.line_length);
        match self.packet_size {
            Some(size) => decoder.packet_size(size),
            None => decoder,
        }
    }

    /// The packets, and whether there is an error behind them.
    fn framing(&self, bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let (mut packets, mut rest) = (Vec::new(), bytes);
        while let Some((header, body)) = self.first(rest) {
            if self.packet != Packet::Raw && self.packet_size.is_some_and(|size| body > size) {
                return (packets, true);
            }
            if body > 0x7fff_fffb {
                return (packets, true);
            }
            let Some(packet) = rest.get(header..header + body) else { break };
            packets.push(packet.to_vec());
            rest = &rest[header + body..];
        }
        (packets, false)
    }

    /// The lengths of the header and the body of the first packet, as far as they can be known.
    fn first(&self, rest: &[u8]) -> Option<(usize, usize)> {
        let header = match self.packet {
            Packet::Raw => return (!rest.is_empty()).then_some((0, rest.len())),
            Packet::Line => return self.first_line(rest).map(|line| (0, line)),
            Packet::Length1 => 1,
            Packet::Length2 => 2,
            Packet::Length4 => 4,
        };
        let mut length = [0; 8];
        length[8 - header..].copy_from_slice(rest.get(..header)?);
        Some((header, u64::from_be_bytes(length) as usize))
    }

    fn first_line(&self, rest: &[u8]) -> Option<usize> {
        let line = rest.iter().position(|byte| *byte == b'\n').map(|place| place + 1);
        match self.packet_size {
            Some(size) => line.or((rest.len() > size).then_some(rest.len())),
            None if line.unwrap_or(rest.len()) >= self.line_length => Some(self.line_length),
            None => line,
        }
    }
}

/// Bytes in which there are packets of that kind, most of them short, and now and then nonsense.
fn bytes(packet: Packet, numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..numbers.below(12) {
        let size = if numbers.below(10) == 0 { numbers.below(300) } else { numbers.below(20) };
        let body: Vec<u8> = (0..size).map(|_| b"ab\n\0\x01\xff"[numbers.below(6)]).collect();
        match packet.encode(&body) {
            Ok(packet) if numbers.below(8) > 0 => bytes.extend_from_slice(&packet),
            _ => bytes.extend_from_slice(&body),
        }
    }
    bytes
}

/// The decoder is fed in random cuts, now and then without being asked in between.
fn decoded_in_cuts(mut decoder: Decoder, bytes: &[u8], numbers: &mut Numbers) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let most = rest.len().min(1 + numbers.below(30));
        let cut = 1 + numbers.below(most);
        decoder.feed(&rest[..cut]);
        rest = &rest[cut..];
        if numbers.below(4) > 0 {
            drain(&mut decoder, &mut outcome);
        }
    }
    drain(&mut decoder, &mut outcome);
    outcome
}

#[test]
fn any_cutting_of_any_bytes_gives_the_packets_of_the_whole() {
    for seed in 1..=20_000 {
        let mut numbers = Numbers(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let model = Model::of(&mut numbers);
        let bytes = bytes(model.packet, &mut numbers);
        let (expected, fails) = model.framing(&bytes);
        let (whole, error) = decoded(model.decoder(), &bytes);
        assert_eq!((&whole, error.is_some()), (&expected, fails), "seed {seed}");

        let (packets, error) = decoded_in_cuts(model.decoder(), &bytes, &mut numbers);
        if model.packet == Packet::Raw {
            assert_eq!(packets.concat(), bytes, "seed {seed}");
        } else {
            assert_eq!((packets, error.is_some()), (expected, fails), "seed {seed}");
        }
    }
}

/// A stream without end, of one byte again and again, which counts how much is read at once.
struct Endless {
    byte: u8,
    largest: usize,
    left: usize,
}

impl Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = buf.len().min(self.left);
        buf[..count].fill(self.byte);
        self.largest = self.largest.max(buf.len());
        self.left -= count;
        Ok(count)
    }
}

#[test]
fn a_length_that_is_only_announced_takes_no_memory() {
    let announced = [&0x7fff_fffb_u32.to_be_bytes()[..], &[0; 100]].concat();
    let mut stream = Endless { byte: 0, largest: 0, left: 0 };
    let mut packets = Packets::new(announced.chain(&mut stream), Packet::Length4);
    assert_eq!(packets.recv().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert!(stream.largest < 100_000, "{}", stream.largest);
}

#[test]
fn a_line_without_end_is_held_up_to_its_limit() {
    let stream = Endless { byte: b'a', largest: 0, left: 100_000_000 };
    let decoder = Decoder::new(Packet::Line).packet_size(1_000_000);
    let mut packets = Packets::with_decoder(stream, decoder);
    assert_eq!(packets.recv().unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert!(packets.get_ref().left > 95_000_000, "{}", packets.get_ref().left);
}

#[test]
fn recv_returns_none_at_the_end_and_an_error_within_a_packet() {
    let mut lines = Packets::new(&b"a\nb"[..], Packet::Line);
    assert_eq!(lines.recv().unwrap(), Some(b"a\n".to_vec()));
    assert_eq!(lines.recv().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    let (_, decoder) = lines.into_inner();
    assert_eq!(decoder.remaining(), b"b");
    assert_eq!(Packets::new(&b""[..], Packet::Line).recv().unwrap(), None);
}

/// A stream whose reads fail every other time.
struct Faltering<'a> {
    bytes: &'a [u8],
    fails: bool,
}

impl Read for Faltering<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.fails = !self.fails;
        if self.fails {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.bytes.read(&mut buf[..1])
    }
}

#[test]
fn recv_goes_on_where_it_was_after_an_error_of_the_stream() {
    let mut packets = Packets::new(Faltering { bytes: b"\0\x02ab", fails: false }, Packet::Length2);
    let mut errors = 0;
    let packet = loop {
        match packets.recv() {
            Ok(packet) => break packet,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
        }
        errors += 1;
    };
    assert_eq!((packet, errors), (Some(b"ab".to_vec()), 4));
}

#[test]
fn send_writes_nothing_of_a_packet_that_is_too_long() {
    struct Never;

    impl Write for Never {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("nothing is to be written")
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let error = Packets::new(Never, Packet::Length1).send(&[0; 256]).unwrap_err();
    assert!(error.get_ref().is_some_and(|error| error.is::<PacketTooLong>()), "{error}");
}

#[test]
fn a_decoder_prints_how_much_it_has_but_not_what() {
    let mut decoder = Decoder::new(Packet::Line);
    decoder.feed(b"secret");
    let text = format!("{decoder:?}");
    assert!(text.contains("Line") && text.contains('6') && !text.contains("115"), "{text}");
}
