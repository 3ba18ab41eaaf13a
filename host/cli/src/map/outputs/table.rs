//! Results as comma-separated values (RFC 4180), a header first.
//!
//! A function that returns a record has a column for each of its fields; any
//! other value is one cell. Text stands in its cell as it is, everything else as
//! JSON. Keys of results that are JSON objects are columns where that is asked for.

use std::borrow::Cow;
use std::io;

use sandpool::value::Type;
use sandpool::{Outcome, Value};

use super::opened::{self, Opened};
use super::sink::Sink;
use super::{Output, ResultForm};
use crate::map::job::Job;
use crate::map::ledger::Finished;
use crate::{outcome, report, sanitize};

/// The content of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    Index,
    Input,
    Verdict,
    Value,
    Field(String),
    /// A key of a result that is a JSON object.
    Key(String),
    ExitCode,
    Stdout,
    Stderr,
    Error,
}

/// Writes a row for each task.
pub struct TableOutput {
    sink: Sink,
    columns: Vec<Column>,
    /// True if results are opened for their keys.
    opens: bool,
    form: ResultForm,
    /// True if a terminal shows it, which no cell may steer.
    terminal: bool,
    begun: bool,
    row: Vec<u8>,
    cell: Vec<u8>,
}

impl TableOutput {
    pub fn new(sink: Sink, columns: Vec<Column>, form: ResultForm, terminal: bool) -> Self {
        TableOutput {
            // One that is gone on with has its header.
            begun: sink.offset().is_some_and(|offset| offset > 0),
            sink,
            opens: columns
                .iter()
                .any(|column| matches!(column, Column::Key(_))),
            columns,
            form,
            terminal,
            row: Vec::new(),
            cell: Vec::new(),
        }
    }
}

/// The names of the columns for this job.
pub fn header(job: &Job, tag: bool, keys: &[String]) -> Vec<String> {
    of_job(job, tag, keys).iter().map(Column::name).collect()
}

/// The columns for this job, `keys` of its results among them.
pub fn of_job(job: &Job, tag: bool, keys: &[String]) -> Vec<Column> {
    let mut columns = vec![Column::Index];
    if tag {
        columns.push(Column::Input);
    }
    columns.push(Column::Verdict);
    columns.extend(keys.iter().cloned().map(Column::Key));
    match job {
        Job::Command(_) => {
            columns.extend([Column::ExitCode, Column::Stdout, Column::Stderr]);
        }
        Job::Script(_) => columns.push(Column::Value),
        Job::Call(_) if !keys.is_empty() => columns.push(Column::Value),
        Job::Call(function) => columns.extend(of_result(function.whole().result.as_ref())),
    }
    columns.push(Column::Error);
    columns
}

/// The columns for what a function returns. Its own error is the verdict's.
fn of_result(result: Option<&Type>) -> Vec<Column> {
    let ok = match result {
        Some(Type::Result { ok, .. }) => ok.as_deref(),
        other => other,
    };
    match ok {
        None => Vec::new(),
        Some(Type::Record(fields)) => fields
            .iter()
            .map(|(name, _)| Column::Field(name.clone()))
            .collect(),
        Some(_) => vec![Column::Value],
    }
}

impl Column {
    fn name(&self) -> String {
        match self {
            Column::Index => "index".into(),
            Column::Input => "input".into(),
            Column::Verdict => "verdict".into(),
            Column::Value => "value".into(),
            // So that no field can pass for a column of ours.
            Column::Field(name) | Column::Key(name) => format!("value.{name}"),
            Column::ExitCode => "exit_code".into(),
            Column::Stdout => "stdout".into(),
            Column::Stderr => "stderr".into(),
            Column::Error => "error".into(),
        }
    }

    /// Appends the cell of a task. Of a result that is `keyed` the keys are columns of their
    /// own, so it does not stand in that of values as well; one that is only `opened` does,
    /// as the JSON that it is.
    fn put(&self, task: &Finished, result: TableResult<'_>, cell: &mut Vec<u8>) {
        let TableResult { keyed, opened } = result;
        let outcome: &Outcome<Value> = &task.outcome;
        let text = match self {
            Column::Index => outcome.index.to_string(),
            Column::Input => task.note.label.to_string(),
            Column::Verdict => outcome.verdict.name().to_owned(),
            Column::ExitCode => match outcome.exit_code {
                Some(code) => code.to_string(),
                None if outcome.is_ok() => "0".to_owned(),
                None => String::new(),
            },
            Column::Error if outcome.is_ok() || outcome.exit_code.is_some() => String::new(),
            Column::Error => report::outcome_text(outcome),
            Column::Key(key) => {
                if let Some(value) = keyed.and_then(|keyed| keyed.get(key)) {
                    value.put_cell(cell);
                }
                return;
            }
            Column::Value | Column::Stdout if keyed.is_some() => return,
            Column::Value | Column::Stdout if task.stored.is_some() => {
                let stored = task.stored.iter();
                return stored.for_each(|stored| outcome::put_place(stored, cell));
            }
            Column::Stdout => return put_bytes(outcome.stdout.as_deref(), cell),
            Column::Stderr => return put_bytes(outcome.stderr.as_deref(), cell),
            Column::Value => match opened {
                Some(opened) => return opened.put_cell(cell),
                None => return put_value(outcome.value.as_ref(), cell),
            },
            Column::Field(name) => {
                let value = match &outcome.value {
                    Some(Value::Record(fields)) => fields.iter().find(|(field, _)| field == name),
                    _ => None,
                };
                return put_value(value.map(|(_, value)| value), cell);
            }
        };
        cell.extend_from_slice(text.as_bytes());
    }
}

/// A task's result, as far as it is opened.
#[derive(Clone, Copy)]
struct TableResult<'a> {
    /// An object whose keys are columns.
    keyed: Option<Opened<'a>>,
    /// The value of a script.
    opened: Option<Opened<'a>>,
}

/// Returns a task's result, as text: its own, or JSON that we make of a record.
fn result_text(task: &Finished, form: ResultForm) -> Option<Cow<'_, str>> {
    if let Some(record @ Value::Record(_)) = &task.outcome.value {
        let mut json = Vec::new();
        outcome::put_value(record, &mut json);
        return String::from_utf8(json).ok().map(Cow::from);
    }
    opened::text_of(task, form)
}

fn put_value(value: Option<&Value>, cell: &mut Vec<u8>) {
    match value {
        None | Some(Value::Option(None)) => {}
        Some(Value::Option(Some(value))) => put_value(Some(value.as_ref()), cell),
        Some(Value::String(text) | Value::Enum(text)) => cell.extend_from_slice(text.as_bytes()),
        Some(Value::Char(c)) => cell.extend_from_slice(c.to_string().as_bytes()),
        Some(value) => outcome::put_value(value, cell),
    }
}

fn put_bytes(bytes: Option<&[u8]>, cell: &mut Vec<u8>) {
    let bytes = bytes.unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(text) => cell.extend_from_slice(text.as_bytes()),
        Err(_) => outcome::put_output(bytes, cell),
    }
}

/// Appends a cell, in quotes where it has to be.
fn put_cell(cell: &[u8], terminal: bool, row: &mut Vec<u8>) {
    let shown;
    let cell = if terminal {
        shown = sanitize::line(&String::from_utf8_lossy(cell));
        shown.as_bytes()
    } else {
        cell
    };
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    let quoted = cell.iter().any(|byte| b",\"\r\n".contains(byte))
        || outer(cell.first())
        || outer(cell.last());
    if !quoted {
        return row.extend_from_slice(cell);
    }
    row.push(b'"');
    for byte in cell {
        if *byte == b'"' {
            row.push(b'"');
        }
        row.push(*byte);
    }
    row.push(b'"');
}

impl Output for TableOutput {
    fn begin(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        self.row.clear();
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                self.row.push(b',');
            }
            put_cell(column.name().as_bytes(), self.terminal, &mut self.row);
        }
        self.row.extend_from_slice(b"\r\n");
        self.sink.put(&self.row)
    }

    fn write(&mut self, task: &mut Finished) -> io::Result<()> {
        self.begin()?;
        self.row.clear();
        let is_script = self.form == ResultForm::Json;
        let text = match self.opens || is_script {
            true => result_text(task, self.form),
            false => None,
        };
        let opened = text.as_deref().and_then(|text| match is_script {
            true => Opened::of_script(text),
            false => Opened::read(text),
        });
        let result = TableResult {
            keyed: opened.filter(|opened| self.opens && opened.has_keys(self.form)),
            opened: opened.filter(|_| is_script),
        };
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                self.row.push(b',');
            }
            self.cell.clear();
            column.put(task, result, &mut self.cell);
            put_cell(&self.cell, self.terminal, &mut self.row);
        }
        self.row.extend_from_slice(b"\r\n");
        self.sink.put(&self.row)
    }

    fn lost(&mut self, _: &Finished) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    fn offset(&self) -> Option<u64> {
        self.sink.offset()
    }

    fn end(&mut self, _: u64) -> io::Result<()> {
        // An empty table is one too.
        self.begin()?;
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str, terminal: bool) -> String {
        let mut row = Vec::new();
        put_cell(text.as_bytes(), terminal, &mut row);
        String::from_utf8(row).unwrap()
    }

    #[test]
    fn a_cell_is_quoted_where_it_would_be_read_otherwise() {
        assert_eq!(cell("plain ünï", false), "plain ünï");
        assert_eq!(cell("a,b", false), "\"a,b\"");
        assert_eq!(cell("say \"x\"\n", false), "\"say \"\"x\"\"\n\"");
        assert_eq!(cell(" a", false), "\" a\"");
        assert_eq!(cell("\u{1b}[2J\n", true), "\\u{1b}[2J\\n");
    }

    #[test]
    fn a_record_has_a_column_for_each_field() {
        let record = Type::record([("width", Type::F64), ("index", Type::U8)]);
        let fallible = Type::Result {
            ok: Some(record.clone().into()),
            err: Some(Type::String.into()),
        };
        for result in [record, fallible] {
            let columns = of_result(Some(&result));
            let names: Vec<_> = columns.iter().map(Column::name).collect();
            assert_eq!(names, ["value.width", "value.index"]);
        }
        assert_eq!(of_result(Some(&Type::U8)), [Column::Value]);
        assert!(of_result(None).is_empty());
    }

    #[test]
    fn text_stands_as_it_is_and_nothing_as_nothing() {
        let text = |value: &Value| {
            let mut cell = Vec::new();
            put_value(Some(value), &mut cell);
            String::from_utf8(cell).unwrap()
        };
        assert_eq!(text(&Value::String("a \"b\"".into())), "a \"b\"");
        assert_eq!(text(&Value::none()), "");
        assert_eq!(text(&Value::some(Value::U8(7))), "7");
        assert_eq!(text(&Value::List(vec![Value::U8(7)])), "[7]");
    }
}
