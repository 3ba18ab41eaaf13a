//! Reads items.
//!
//! Structure is read here, every scalar by serde_json. Items come from guests: depth is
//! bounded, and bytes that are peeked at are read twice at most for each level.

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde_json::Error;

use super::{DEEPEST, INFINITY, NAN, NEGATIVE_INFINITY, SOME};

/// Returns `true` if the bytes hold one of the words that serde_json would read otherwise.
pub(super) fn has_words(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b'"') {
        rest = &rest[at + 1..];
        let is_word = |word: &str| {
            rest.strip_prefix(word.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&b'"'))
        };
        if [SOME, NAN, INFINITY, NEGATIVE_INFINITY]
            .into_iter()
            .any(is_word)
        {
            return true;
        }
    }
    false
}

pub(super) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut text = Text {
        rest: bytes,
        depth: 0,
    };
    let value = T::deserialize(Reader {
        text: &mut text,
        in_some: false,
    })?;
    text.skip_space();
    match text.rest {
        [] => Ok(value),
        _ => Err(Error::custom("there is more behind the value")),
    }
}

/// The rest of the text.
struct Text<'de> {
    rest: &'de [u8],
    /// The number of arrays and objects that have been entered.
    depth: usize,
}

impl<'de> Text<'de> {
    fn skip_space(&mut self) {
        let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let length = self.rest.iter().take_while(|byte| space(byte)).count();
        self.rest = &self.rest[length..];
    }

    /// Returns the next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.rest.first().copied()
    }

    fn take_if(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        match self.take_if(byte) {
            true => Ok(()),
            false => Err(Error::custom(format_args!(
                "`{}` is missing",
                char::from(byte)
            ))),
        }
    }

    fn enter(&mut self, open: u8) -> Result<(), Error> {
        self.expect(open)?;
        self.depth += 1;
        match self.depth <= DEEPEST {
            true => Ok(()),
            false => Err(Error::custom("it is nested too deeply")),
        }
    }

    fn leave(&mut self, close: u8) -> Result<(), Error> {
        self.depth -= 1;
        self.expect(close)
    }

    /// Takes a scalar as it is written; serde_json reads it.
    fn scalar(&mut self) -> Result<&'de [u8], Error> {
        let length = match self.peek() {
            Some(b'"') => string_length(self.rest),
            Some(_) => {
                let ends = |byte: &u8| b",:[]{}\" \t\n\r".contains(byte);
                self.rest.iter().position(ends).unwrap_or(self.rest.len())
            }
            None => 0,
        };
        if length == 0 {
            return Err(Error::custom("a value is missing"));
        }
        let (scalar, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(scalar)
    }

    fn skip_value(&mut self) -> Result<(), Error> {
        self.skip_space();
        let mut values = serde_json::Deserializer::from_slice(self.rest).into_iter::<IgnoredAny>();
        values
            .next()
            .ok_or_else(|| Error::custom("a value is missing"))??;
        let length = values.byte_offset();
        self.rest = &self.rest[length..];
        Ok(())
    }

    /// Returns `true` if the next value is `{"some":...}` and nothing more.
    fn is_wrapped(&mut self) -> bool {
        let whole = self.rest;
        let wrapped = self.take_if(b'{')
            && self.peek() == Some(b'"')
            && self.scalar().is_ok_and(|key| key == b"\"some\"")
            && self.take_if(b':')
            && self.skip_value().is_ok()
            && self.take_if(b'}');
        self.rest = whole;
        wrapped
    }
}

/// Returns the length in bytes of the string that begins here; 0 if it does not end.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    0
}

/// Reads one value.
struct Reader<'a, 'de> {
    text: &'a mut Text<'de>,
    /// `true` if the value is the content of an option.
    in_some: bool,
}

impl<'de> Reader<'_, 'de> {
    fn again<'a>(text: &'a mut Text<'de>) -> Reader<'a, 'de> {
        Reader {
            text,
            in_some: false,
        }
    }

    /// Reads the content of an option without the object around it, if it has one.
    fn unwrapped<T>(
        self,
        read: impl FnOnce(Reader<'_, 'de>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if !self.in_some || !self.text.is_wrapped() {
            return read(Reader::again(self.text));
        }
        self.text.enter(b'{')?;
        self.text.scalar()?;
        self.text.expect(b':')?;
        let value = read(Reader::again(self.text))?;
        self.text.leave(b'}')?;
        Ok(value)
    }

    fn array<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text.enter(b'[')?;
        let value = visitor.visit_seq(Elements::new(self.text))?;
        self.text.leave(b']')?;
        Ok(value)
    }

    fn object<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text.enter(b'{')?;
        let value = visitor.visit_map(Elements::new(self.text))?;
        self.text.leave(b'}')?;
        Ok(value)
    }

    fn float<V: Visitor<'de>>(
        self,
        visitor: V,
        read: impl FnOnce(&'de [u8], V) -> Result<V::Value, Error>,
    ) -> Result<V::Value, Error> {
        match self.text.scalar()? {
            b"\"NaN\"" => visitor.visit_f64(f64::NAN),
            b"\"Infinity\"" => visitor.visit_f64(f64::INFINITY),
            b"\"-Infinity\"" => visitor.visit_f64(f64::NEG_INFINITY),
            scalar => read(scalar, visitor),
        }
    }
}

/// Reads a scalar by serde_json, to its end.
macro_rules! whole {
    ($scalar:expr, $($call:tt)*) => {{
        let mut from = serde_json::Deserializer::from_slice($scalar);
        let value = (&mut from).$($call)*?;
        from.end()?;
        Ok(value)
    }};
}

macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.unwrapped(|from| whole!(from.text.scalar()?, $method(visitor)))
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_, 'de> {
    type Error = Error;

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_char deserialize_str deserialize_string deserialize_unit
        deserialize_identifier
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.unwrapped(|from| {
            from.float(visitor, |scalar, visitor| {
                whole!(scalar, deserialize_f32(visitor))
            })
        })
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.unwrapped(|from| {
            from.float(visitor, |scalar, visitor| {
                whole!(scalar, deserialize_f64(visitor))
            })
        })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.unwrapped(|from| match from.text.peek() {
            Some(b'{') => from.object(visitor),
            Some(b'[') => from.array(visitor),
            _ => whole!(from.text.scalar()?, deserialize_any(visitor)),
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.unwrapped(|from| {
            if from.text.peek() == Some(b'n') {
                return whole!(from.text.scalar()?, deserialize_option(visitor));
            }
            visitor.visit_some(Reader {
                text: from.text,
                in_some: true,
            })
        })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.unwrapped(|from| match from.text.peek() {
            Some(b'[') => from.array(visitor),
            _ => whole!(from.text.scalar()?, deserialize_bytes(visitor)),
        })
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.unwrapped(|from| match from.text.peek() {
            Some(b'[') => from.array(visitor),
            _ => whole!(from.text.scalar()?, deserialize_seq(visitor)),
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.unwrapped(|from| match from.text.peek() {
            Some(b'{') => from.object(visitor),
            _ => whole!(from.text.scalar()?, deserialize_map(visitor)),
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.unwrapped(|from| match from.text.peek() {
            Some(b'{') => from.object(visitor),
            Some(b'[') => from.array(visitor),
            _ => whole!(from.text.scalar()?, deserialize_map(visitor)),
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        cases: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.unwrapped(|from| {
            if from.text.peek() != Some(b'{') {
                return whole!(from.text.scalar()?, deserialize_enum(name, cases, visitor));
            }
            from.text.enter(b'{')?;
            let value = visitor.visit_enum(Case(from.text))?;
            from.text.leave(b'}')?;
            Ok(value)
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text.skip_value()?;
        visitor.visit_unit()
    }
}

/// The parts of an array or an object, without its brackets.
struct Elements<'a, 'de> {
    text: &'a mut Text<'de>,
    first: bool,
}

impl<'a, 'de> Elements<'a, 'de> {
    fn new(text: &'a mut Text<'de>) -> Self {
        Elements { text, first: true }
    }

    /// Goes on to the next part; returns `false` if there is none.
    fn go_on(&mut self, close: u8) -> Result<bool, Error> {
        if self.text.peek() == Some(close) {
            return Ok(false);
        }
        if !std::mem::take(&mut self.first) {
            self.text.expect(b',')?;
        }
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        match self.go_on(b']')? {
            true => seed.deserialize(Reader::again(self.text)).map(Some),
            false => Ok(None),
        }
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        match self.go_on(b'}')? {
            true => seed.deserialize(MapKey(self.text.scalar()?)).map(Some),
            false => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.text.expect(b':')?;
        seed.deserialize(Reader::again(self.text))
    }
}

/// The case of an enum and its content.
struct Case<'a, 'de>(&'a mut Text<'de>);

impl<'de> EnumAccess<'de> for Case<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let case = seed.deserialize(MapKey(self.0.scalar()?))?;
        self.0.expect(b':')?;
        Ok((case, self))
    }
}

impl<'de> VariantAccess<'de> for Case<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        de::Deserialize::deserialize(Reader::again(self.0))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(Reader::again(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        Reader::again(self.0).deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        Reader::again(self.0).deserialize_struct("", fields, visitor)
    }
}

/// A key as it is written: a string, which may say a number.
struct MapKey<'de>(&'de [u8]);

impl<'de> MapKey<'de> {
    /// Returns the text between its quotes.
    fn inside(&self) -> Result<&'de [u8], Error> {
        self.0
            .strip_prefix(b"\"")
            .and_then(|key| key.strip_suffix(b"\""))
            .ok_or_else(|| Error::custom("a key is a string"))
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            whole!(self.inside()?, $method(visitor))
        }
    )*};
}

impl<'de> Deserializer<'de> for MapKey<'de> {
    type Error = Error;

    numbers! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.inside()?;
        whole!(self.0, deserialize_str(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        cases: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        whole!(self.0, deserialize_enum(name, cases, visitor))
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}
