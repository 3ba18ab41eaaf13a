//! Compilers that were taken over by what they compiled.

use std::fs::File;
use std::io::{self, Write};

use super::{Play, stand_still};
use sandpool_protocol::control::{ChildFailure, FromChild, encode};
use sandpool_protocol::description::Description;
use sandpool_protocol::handshake::Hello;
use sandpool_protocol::layers::SandboxReport;
use sandpool_sys::{ControlSocket, MAX_MESSAGE, Received};
use sandpool_value::{Function, Param, Type};

pub(super) fn find(name: &str) -> Option<Play> {
    Some(Play::BeforeHello(match name {
        "compiler-garbage" => |control| control.send(&[0xff; 300], &[], true),
        "compiler-without-a-word" => |control| set(&control).map(drop),
        "compiler-stands-still" => stands_still,
        "compiler-floods" => floods,
        "compiler-with-colours" => with_colours,
        "compiler-with-nothing" => |control| describe(&control, |_| Ok(())),
        "compiler-with-garbage" => {
            |control| describe(&control, |file| file.write_all(&[0xff; 999]))
        }
        "compiler-with-much" => |control| describe(&control, |file| file.write_all(&[0; 2 << 20])),
        "compiler-with-a-hole" => |control| describe(&control, |file| file.set_len(1 << 40)),
        "compiler-with-a-lie" => with_a_lie,
        _ => return None,
    }))
}

/// Makes the handshake, and returns the files for artifact and description.
fn set(control: &ControlSocket) -> io::Result<(File, File)> {
    control.send(&Hello::of_this_build().encode(), &[], true)?;
    let mut buffer = vec![0; MAX_MESSAGE];
    let Received::Message(_, fds) = control.receive(&mut buffer, true)? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let mut files = fds.into_iter().skip(1).map(File::from);
    match (files.next(), files.next()) {
        (Some(artifact), Some(description)) => Ok((artifact, description)),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn say(control: &ControlSocket, message: &FromChild) -> io::Result<()> {
    control.send(&encode(message), &[], true)
}

/// Says that it is done, with a description that is none.
fn describe(
    control: &ControlSocket,
    write: impl Fn(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let (_, mut description) = set(control)?;
    write(&mut description)?;
    say(
        control,
        &FromChild::Ready {
            report: SandboxReport::default(),
        },
    )
}

fn stands_still(control: ControlSocket) -> io::Result<()> {
    set(&control)?;
    stand_still()
}

fn floods(control: ControlSocket) -> io::Result<()> {
    set(&control)?;
    loop {
        say(
            &control,
            &FromChild::Ready {
                report: SandboxReport::default(),
            },
        )?;
    }
}

fn with_colours(control: ControlSocket) -> io::Result<()> {
    set(&control)?;
    let failed = FromChild::Failed {
        reason: ChildFailure::Module,
        message: "\u{1b}[31mred\nand more".into(),
    };
    say(&control, &failed)
}

/// Writes a description that could be true, of machine code that is none.
fn with_a_lie(control: ControlSocket) -> io::Result<()> {
    let (mut artifact, mut description) = set(&control)?;
    let param = |name: &str| Param {
        name: name.into(),
        ty: Type::I32,
    };
    let add = Function {
        name: "add".into(),
        interface: None,
        params: vec![param("a"), param("b")],
        result: Some(Type::I32),
    };
    let described = Description {
        component: false,
        command: false,
        is_interpreter: false,
        functions: vec![add],
        resources: Vec::new(),
        others: Vec::new(),
        imports: Vec::new(),
        unlinked: None,
    };
    description.write_all(&described.encode())?;
    artifact.write_all(&[0xff; 100_000])?;
    say(
        &control,
        &FromChild::Ready {
            report: SandboxReport::default(),
        },
    )
}
