//! The terminal: what is written to it, and how it is left.

use std::io::{self, Write};

use ratatui_core::backend::{Backend, ClearType, WindowSize};
use ratatui_core::buffer::Cell;
use ratatui_core::layout::{Position, Size};
use ratatui_core::style::Modifier;
use rustix::termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Goes to the other screen, which is empty, and hides the cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H";

/// Puts back what `ENTER` has changed.
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// What a terminal says of its size if it does not know it.
const USUAL_SIZE: Size = Size { width: 80, height: 24 };

/// The terminal of the program: standard input and output. Keys come at once and are not echoed,
/// until this is dropped.
#[derive(Debug)]
pub(super) struct RawMode {
    before: Termios,
}

impl RawMode {
    pub(super) fn enter() -> io::Result<RawMode> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        // So that lines of a log still begin at the left.
        raw.output_modes |= before.output_modes & OutputModes::OPOST;
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(RawMode { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // If that fails there is no terminal any more.
        _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Returns the size of the program's terminal.
pub(super) fn size() -> io::Result<Size> {
    let size = tcgetwinsize(io::stdout())?;
    let is_known = size.ws_col > 0 && size.ws_row > 0;
    Ok(if is_known { Size::new(size.ws_col, size.ws_row) } else { USUAL_SIZE })
}

/// The screen of a terminal, which is as it was before when this is dropped.
#[derive(Debug)]
pub(super) struct Screen<W: Write> {
    output: W,
    size: fn() -> io::Result<Size>,
    /// What is to be written.
    pending: String,
    cursor: Position,
}

impl<W: Write> Screen<W> {
    pub(super) fn enter(output: W, size: fn() -> io::Result<Size>) -> io::Result<Screen<W>> {
        let pending = String::from(ENTER);
        let mut screen = Screen { output, size, pending, cursor: Position::ORIGIN };
        Backend::flush(&mut screen)?;
        Ok(screen)
    }
}

impl<W: Write> Drop for Screen<W> {
    fn drop(&mut self) {
        self.pending = String::from(LEAVE);
        _ = Backend::flush(self);
    }
}

impl<W: Write> Backend for Screen<W> {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, cells: I) -> io::Result<()> {
        let (mut next, mut modifier) = (None, Modifier::empty());
        for (x, y, cell) in cells {
            if next != Some((x, y)) {
                self.pending += &format!("\x1b[{};{}H", y + 1, x + 1);
            }
            if cell.modifier != modifier {
                modifier = cell.modifier;
                self.pending += &attributes(modifier);
            }
            self.pending += cell.symbol();
            // After a wide character the next cell is another one, and the cursor is told.
            next = Some((x + 1, y));
        }
        if modifier != Modifier::empty() {
            self.pending += "\x1b[0m";
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.pending += "\x1b[?25l";
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.pending += "\x1b[?25h";
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.cursor = position.into();
        self.pending += &format!("\x1b[{};{}H", self.cursor.y + 1, self.cursor.x + 1);
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.pending += match region {
            ClearType::All => "\x1b[2J",
            ClearType::AfterCursor => "\x1b[J",
            ClearType::BeforeCursor => "\x1b[1J",
            ClearType::CurrentLine => "\x1b[2K",
            ClearType::UntilNewLine => "\x1b[K",
        };
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        (self.size)()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        let pixels = Size::new(0, 0); // They are not known.
        Ok(WindowSize { columns_rows: Backend::size(self)?, pixels })
    }

    fn flush(&mut self) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        self.output.write_all(pending.as_bytes())?;
        self.output.flush()
    }
}

/// The control sequence that sets these attributes, and no others.
fn attributes(modifier: Modifier) -> String {
    let known = [(Modifier::BOLD, ";1"), (Modifier::UNDERLINED, ";4"), (Modifier::REVERSED, ";7")];
    let set = known.iter().filter(|(flag, _)| modifier.contains(*flag)).map(|(_, code)| *code);
    format!("\x1b[0{}m", set.collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use ratatui_core::style::Style;
    use ratatui_core::terminal::Terminal;
    use vt100::Parser;

    use super::*;
    use crate::exit::ExitReason;
    use crate::process;

    /// What a terminal has got, and shows.
    #[derive(Clone)]
    struct Output(Arc<Mutex<Parser>>);

    impl Output {
        fn new() -> Output {
            let [rows, columns] = [10, 40].map(|n| n.try_into().unwrap());
            Output(Arc::new(Mutex::new(Parser::new(rows, columns, 0))))
        }

        /// A terminal that writes to this one.
        fn enter(&self) -> Terminal<Screen<Output>> {
            let size = || Ok(Size::new(40, 10));
            Terminal::new(Screen::enter(self.clone(), size).unwrap()).unwrap()
        }

        fn is_as_before(&self) -> bool {
            let parser = self.0.lock();
            let screen = parser.screen();
            let text = screen.contents();
            !screen.alternate_screen() && !screen.hide_cursor() && text == "$ top"
        }
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().process(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_written_is_what_was_drawn() {
        let output = Output::new();
        let mut terminal = output.enter();
        let frames = [
            ["plain", "名前 wide 名", ""],
            ["plain", "名 wide 名前", "x"],
            ["", "a名b前c", "e\u{301}e\u{301}"],
            ["名名名名名名名名名名名名名名名名名名名名", "", "end"],
        ];
        for (reversed, lines) in frames.into_iter().enumerate() {
            let draw = |buffer: &mut ratatui_core::buffer::Buffer| {
                for (y, line) in (0..).zip(lines) {
                    let modifier = if usize::from(y) == reversed % 3 {
                        Modifier::REVERSED | Modifier::BOLD
                    } else {
                        Modifier::empty()
                    };
                    buffer.set_string(0, y, line, Style::new().add_modifier(modifier));
                }
            };
            terminal.draw(|frame| draw(frame.buffer_mut())).unwrap();
            let parser = output.0.lock();
            let rows = parser.screen().rows(0, 40).take(3);
            let shown: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
            assert_eq!(shown, lines);
            for (y, line) in (0..).zip(lines).filter(|(_, line)| !line.is_empty()) {
                let cell = parser.screen().cell(y, 0).unwrap();
                let is_reversed = usize::from(y) == reversed % 3;
                assert_eq!((cell.inverse(), cell.bold()), (is_reversed, is_reversed), "{line}");
            }
        }
    }

    #[test]
    fn the_screen_is_restored_at_the_end_at_a_panic_and_at_a_kill() {
        let (waits, panics) = (|| _ = process::receive(), || panic!("the view has a bug"));
        let ends: [(fn(), Option<ExitReason>); 3] =
            [(|| (), None), (panics, None), (waits, Some(ExitReason::Kill))];
        for (body, reason) in ends {
            let mut output = Output::new();
            output.write_all(b"$ top").unwrap();
            assert!(output.is_as_before());
            let (me, shown) = (process::self_pid(), output.clone());
            let (view, monitor) = process::spawn_monitor(move || {
                let mut terminal = shown.enter();
                terminal.draw(|frame| _ = frame.buffer_mut()).unwrap();
                assert!(!shown.is_as_before());
                process::send(me, ());
                body();
            })
            .unwrap();
            process::receive_match(|message| message.is::<()>());
            reason.into_iter().for_each(|reason| process::exit(view, reason));
            process::wait(monitor, std::time::Duration::MAX).unwrap();
            assert!(output.is_as_before());
        }
    }
}
