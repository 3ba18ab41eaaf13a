//! Writes items.

use serde::Serialize;
use serde::ser::{self, Error as _, Serializer};
use serde_json::{Error, to_writer};

use super::{DEEPEST, INFINITY, NAN, NEGATIVE_INFINITY, SOME};

pub(super) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let writer = Writer {
        out: &mut out,
        depth: 0,
        in_some: false,
    };
    match value.serialize(writer)? {
        ..=DEEPEST => Ok(out),
        _ => Err(too_deep()),
    }
}

/// Writes one value.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// The number of arrays and objects around the value.
    depth: usize,
    /// `true` if the value is the content of an option.
    in_some: bool,
}

impl<'a> Writer<'a> {
    fn scalar<T: Serialize + ?Sized>(self, value: &T) -> Result<usize, Error> {
        to_writer(self.out, value)?;
        Ok(0)
    }

    fn float<T: Serialize + Into<f64> + Copy>(self, value: T) -> Result<usize, Error> {
        let x: f64 = value.into();
        match x {
            x if x.is_finite() => self.scalar(&value),
            x if x.is_nan() => self.scalar(NAN),
            x if x > 0.0 => self.scalar(INFINITY),
            _ => self.scalar(NEGATIVE_INFINITY),
        }
    }

    fn null(self) -> Result<usize, Error> {
        let null: &[u8] = match self.in_some {
            true => b"{\"some\":null}",
            false => b"null",
        };
        self.out.extend_from_slice(null);
        Ok(self.in_some.into())
    }

    fn compound(self, close: &'static [u8]) -> Result<Compound<'a>, Error> {
        Ok(Compound {
            start: self.out.len(),
            depth: deeper(self.depth)?,
            in_some: self.in_some,
            out: self.out,
            parts: 0,
            height: 0,
            only_some: false,
            close,
        })
    }

    fn array(self) -> Result<Compound<'a>, Error> {
        let compound = self.compound(b"]")?;
        compound.out.push(b'[');
        Ok(compound)
    }

    fn object(self) -> Result<Compound<'a>, Error> {
        let compound = self.compound(b"}")?;
        compound.out.push(b'{');
        Ok(compound)
    }

    /// Begins a case of an enum with its content: an object of one entry.
    fn variant(self, case: &'static str) -> Result<Compound<'a>, Error> {
        let mut object = self.object()?;
        object.key(case)?;
        Ok(object)
    }

    /// Begins a case of an enum whose content is an array or an object.
    fn variant_of(
        self,
        case: &'static str,
        open: u8,
        close: &'static [u8],
    ) -> Result<Compound<'a>, Error> {
        let mut object = self.variant(case)?;
        object.depth = deeper(object.depth)?;
        object.out.push(open);
        object.close = close;
        // The parts that come are not the object's.
        object.parts = 0;
        Ok(object)
    }
}

fn deeper(depth: usize) -> Result<usize, Error> {
    match depth < DEEPEST {
        true => Ok(depth + 1),
        false => Err(too_deep()),
    }
}

fn too_deep() -> Error {
    Error::custom("it is nested too deeply")
}

/// An array or an object that is being written; for a case of an enum, both of
/// them.
struct Compound<'a> {
    out: &'a mut Vec<u8>,
    /// The position at which it begins.
    start: usize,
    depth: usize,
    in_some: bool,
    parts: usize,
    /// The nesting of arrays and objects in the deepest part.
    height: usize,
    /// `true` if its one key is `some`, by which readers recognise an option.
    only_some: bool,
    close: &'static [u8],
}

impl Compound<'_> {
    fn separate(&mut self) {
        if self.parts > 0 {
            self.out.push(b',');
        }
        self.parts += 1;
    }

    fn key(&mut self, key: &str) -> Result<(), Error> {
        self.separate();
        self.only_some = self.parts == 1 && key == SOME;
        to_writer(&mut *self.out, key)?;
        self.out.push(b':');
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let height = value.serialize(Writer {
            out: self.out,
            depth: self.depth,
            in_some: false,
        })?;
        self.height = self.height.max(height);
        Ok(())
    }

    fn close(self) -> usize {
        self.out.extend_from_slice(self.close);
        let height = self.height + self.close.len();
        if !self.in_some || !self.only_some {
            return height;
        }
        self.out.splice(self.start..self.start, *b"{\"some\":");
        self.out.push(b'}');
        height + 1
    }
}

/// A map of one entry, to read its key.
struct KeyProbe<'a, T: ?Sized>(&'a T);

impl<T: Serialize + ?Sized> Serialize for KeyProbe<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use ser::SerializeMap as _;
        let mut map = to.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &())?;
        map.end()
    }
}

macro_rules! scalars {
    ($($method:ident $rust:ty),*) => {$(
        fn $method(self, value: $rust) -> Result<usize, Error> {
            self.scalar(&value)
        }
    )*};
}

impl<'a> Serializer for Writer<'a> {
    type Ok = usize;
    type Error = Error;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    scalars! {
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32,
        serialize_i64 i64, serialize_i128 i128, serialize_u8 u8, serialize_u16 u16,
        serialize_u32 u32, serialize_u64 u64, serialize_u128 u128, serialize_char char,
        serialize_str &str, serialize_bytes &[u8]
    }

    fn serialize_f32(self, value: f32) -> Result<usize, Error> {
        self.float(value)
    }

    fn serialize_f64(self, value: f64) -> Result<usize, Error> {
        self.float(value)
    }

    fn serialize_none(self) -> Result<usize, Error> {
        self.null()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<usize, Error> {
        let wrapped = self.in_some;
        let depth = match wrapped {
            true => deeper(self.depth)?,
            false => self.depth,
        };
        if wrapped {
            self.out.extend_from_slice(b"{\"some\":");
        }
        let height = value.serialize(Writer {
            out: &mut *self.out,
            depth,
            in_some: true,
        })?;
        if wrapped {
            self.out.push(b'}');
        }
        Ok(height + usize::from(wrapped))
    }

    fn serialize_unit(self) -> Result<usize, Error> {
        self.null()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<usize, Error> {
        self.null()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
    ) -> Result<usize, Error> {
        self.scalar(case)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<usize, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        value: &T,
    ) -> Result<usize, Error> {
        let mut object = self.variant(case)?;
        object.value(value)?;
        Ok(object.close())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>, Error> {
        self.array()
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, Error> {
        self.array()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Error> {
        self.array()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Error> {
        self.variant_of(case, b'[', b"]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>, Error> {
        self.object()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Error> {
        self.object()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Error> {
        self.variant_of(case, b'{', b"}}")
    }
}

macro_rules! sequences {
    ($($trait:ident $method:ident),*) => {$(
        impl ser::$trait for Compound<'_> {
            type Ok = usize;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.separate();
                self.value(value)
            }

            fn end(self) -> Result<usize, Error> {
                Ok(self.close())
            }
        }
    )*};
}

sequences!(SerializeSeq serialize_element, SerializeTuple serialize_element);
sequences!(SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field);

impl ser::SerializeMap for Compound<'_> {
    type Ok = usize;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.separate();
        // Only serde_json knows the possible keys, and their form.
        let start = self.out.len();
        to_writer(&mut *self.out, &KeyProbe(key))?;
        let written = self.out.split_off(start);
        let key = written
            .strip_prefix(b"{")
            .and_then(|key| key.strip_suffix(b":null}"))
            .ok_or_else(|| Error::custom("it cannot be a key"))?;
        self.only_some = self.parts == 1 && key == b"\"some\"";
        self.out.extend_from_slice(key);
        self.out.push(b':');
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<usize, Error> {
        Ok(self.close())
    }
}

impl ser::SerializeStruct for Compound<'_> {
    type Ok = usize;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.key(key)?;
        self.value(value)
    }

    fn end(self) -> Result<usize, Error> {
        Ok(self.close())
    }
}

impl ser::SerializeStructVariant for Compound<'_> {
    type Ok = usize;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        // The case is the outer object's key, and says what that is.
        let outer = self.only_some;
        self.key(key)?;
        self.only_some = outer;
        self.value(value)
    }

    fn end(self) -> Result<usize, Error> {
        Ok(self.close())
    }
}
