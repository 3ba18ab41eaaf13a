// Values of scripts as JSON text, in both directions, as DESIGN.md ("Values of scripts")
// defines them. Runs in the guest and, for tests, in node: `require("./values.js")`.
//
// Whatever a snippet did to the builtins, this works (`builtins.js`). The guest hands in `native`, which knows
// two things faster: whether JSON has a value's own form, and how deep a text nests.
"use strict";

// No templates below: the engine makes them by calling `String.prototype.concat`.

const MAX_DEPTH = 200;

const {
  BigInt, Date, Error, Map, Number, Set, SyntaxError, TypeError, Uint8Array,
  bigText, charAt, codeAt, create, dateISO, dateParse, dateTime, defineProperty,
  enumerableKeys, functionText, getPrototypeOf, includes, is, isArray, isBuffer, isDate,
  isMap, isSet, mapForEach, mapSet, objectTag, ownKeys, parse, setAdd, setForEach, slice,
  startsWith, stringify, symbolText, test, typedLength, typedTag,
} = require("./builtins.js");

/// A value that another language has and JavaScript has not, such as Python's `Decimal`.
/// It is kept as it is, and goes back as it came.
class Foreign {
  constructor(form, content) {
    this.form = form;
    this.content = content;
  }
  toString() {
    const { content } = this;
    return typeof content === "string" ? content : stringify(content);
  }
}

const KEPT = create(null);
for (const form of ["$complex", "$decimal", "$fraction", "$date", "$time", "$timedelta",
  "$uuid", "$path", "$range", "$enum", "$object", "$handle"]) KEPT[form] = true;

/* ---- to text ---- */

/// Returns the value as JSON text. What is no value is a TypeError that says where it is.
function encode(value, native) {
  if (native !== undefined && native.isJson(value, MAX_DEPTH)) return stringify(value);
  return write(value, "", 0, undefined);
}

function refuse(path, what) {
  const where = path === "" ? "the value" : "`" + path + "` of the value";
  throw new TypeError(where + " is " + what);
}

const PLAIN_NAME = /^[A-Za-z_$][\w$]*$/;
const below = (path, key) =>
  test(PLAIN_NAME, key) ? (path === "" ? key : path + "." + key) : path + "[" + stringify(key) + "]";

function write(value, path, depth, outer) {
  switch (typeof value) {
    case "string":
      return stringify(value);
    case "boolean":
      return value ? "true" : "false";
    case "undefined":
      return '{"$undefined":true}';
    case "number":
      if (value !== value) return '{"$float":"NaN"}';
      if (value === Infinity) return '{"$float":"Infinity"}';
      if (value === -Infinity) return '{"$float":"-Infinity"}';
      return is(value, -0) ? "-0.0" : "" + value;
    case "bigint":
      return '{"$int":"' + bigText(value) + '"}';
    case "symbol":
      return refuse(path, "a symbol (" + symbolText(value) + "), which cannot leave the sandbox");
    case "function":
      return refuse(path, describeFunction(value));
  }
  if (value === null) return "null";
  for (let up = outer; up !== undefined; up = up.outer) {
    if (up.value === value) return refuse(path, "cyclic object value: it contains itself");
  }
  if (depth >= MAX_DEPTH) return refuse(path, "nested deeper than " + MAX_DEPTH + " levels");
  const here = { value, outer };
  if (isArray(value)) return writeArray(value, value.length, path, depth, here);
  if (value instanceof Foreign) {
    return "{" + stringify(value.form) + ":" + (write(value.content, path, depth + 1, here)) + "}";
  }
  const tag = typedTag(value);
  if (tag === "Uint8Array" || tag === "Uint8ClampedArray") return writeBytes(value);
  if (tag !== undefined) return writeArray(value, typedLength(value), path, depth, here);
  if (isDate(value)) return writeDate(value, path);
  if (isMap(value)) return writeMap(value, path, depth, here);
  if (isSet(value)) return writeSet(value, path, depth, here);
  if (isBuffer(value)) return writeBytes(new Uint8Array(value));
  return writeObject(value, path, depth, here);
}

function describeFunction(value) {
  let name = "";
  try {
    if (typeof value.name === "string") name = value.name;
  } catch {}
  const isClass = startsWith(functionText(value), "class");
  const named = name === "" ? "" : " (`" + name + "`)";
  return isClass
    ? "a class" + named + ", which cannot leave the sandbox: return an instance of it"
    : "a function" + named + ", which cannot leave the sandbox: call it, and return what it returns";
}

function writeArray(value, length, path, depth, here) {
  let text = "[";
  for (let i = 0; i < length; i++) {
    if (i > 0) text += ",";
    text += write(value[i], path + "[" + i + "]", depth + 1, here);
  }
  return text + "]";
}

function writeDate(value, path) {
  if (dateTime(value) !== dateTime(value)) return refuse(path, "an invalid Date");
  return '{"$datetime":"' + dateISO(value) + '"}';
}

function writeMap(value, path, depth, here) {
  let text = "";
  mapForEach(value, (item, key) => {
    if (text !== "") text += ",";
    const inside = path + "<" + (typeof key === "string" ? stringify(key) : typeof key) + ">";
    text += "[" + (write(key, inside, depth + 3, here)) + "," + (write(item, inside, depth + 3, here)) + "]";
  });
  return '{"$dict":[' + text + "]}";
}

function writeSet(value, path, depth, here) {
  let text = "";
  setForEach(value, (item) => {
    if (text !== "") text += ",";
    text += write(item, path + "<>", depth + 2, here);
  });
  return '{"$set":[' + text + "]}";
}

/// What has no form although it is an object, by the name of its class.
const NO_VALUES = create(null);
for (const [name, advice] of [["Promise", "`await` it"], ["RegExp", "return its `source`"],
  ["WeakMap", ""], ["WeakSet", ""], ["WeakRef", ""], ["Generator", "spread it into an array"],
  ["AsyncGenerator", "collect it with `for await`"], ["Map Iterator", "spread it into an array"],
  ["Set Iterator", "spread it into an array"], ["Array Iterator", "spread it into an array"],
  ["String Iterator", "spread it into an array"], ["Iterator Helper", "call `toArray` on it"],
  ["RegExp String Iterator", "spread it into an array"], ["DataView", "return its bytes"]]) {
  NO_VALUES[name] = advice;
}

function writeObject(value, path, depth, here) {
  if (typeof value.toJSON === "function") return write(value.toJSON(""), path, depth, here.outer);
  const prototype = getPrototypeOf(value);
  const plain = prototype === null || getPrototypeOf(prototype) === null;
  if (!plain) {
    const tag = slice(objectTag(value), 8, -1);
    const advice = NO_VALUES[tag];
    if (advice !== undefined) {
      const hint = advice === "" ? "" : ": " + advice;
      return refuse(path, "a " + tag + ", which cannot leave the sandbox" + hint);
    }
    if (tag === "Number" || tag === "String" || tag === "Boolean" || tag === "BigInt") {
      const bare = value.valueOf();
      if (typeof bare !== "object") return write(bare, path, depth, here.outer);
    }
  }
  const name = plain ? "" : className(value);
  const inner = plain ? depth : depth + 2;
  let dollar = false;
  let text = "";
  const keys = enumerableKeys(value);
  if (name !== "" && value instanceof Error) {
    text = '"message":' + (stringify("" + value.message));
  }
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (codeAt(key, 0) === 36) {
      dollar = true;
      break;
    }
    if (text !== "") text += ",";
    text += stringify(key) + ":" + (write(value[key], below(path, key), inner + 1, here));
  }
  if (dollar) {
    text = "";
    for (let i = 0; i < keys.length; i++) {
      if (text !== "") text += ",";
      const key = keys[i];
      text += "[" + stringify(key) + "," + (write(value[key], below(path, key), inner + 3, here)) + "]";
    }
    text = '{"$dict":[' + text + "]}";
  } else {
    text = "{" + text + "}";
  }
  return name === "" ? text : '{"$object":[' + stringify(name) + "," + text + "]}";
}

function className(value) {
  if (value instanceof Error && typeof value.name === "string") return value.name;
  const { constructor } = value;
  const name = typeof constructor === "function" ? constructor.name : undefined;
  return typeof name === "string" && name !== "" ? name : "Object";
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function writeBytes(bytes) {
  return '{"$bytes":"' + base64(bytes) + '"}';
}

function base64(bytes) {
  const length = typedLength(bytes);
  let text = "";
  for (let i = 0; i < length; i += 3) {
    const word = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += charAt(DIGITS, word >> 18) + charAt(DIGITS, (word >> 12) & 63)
      + (i + 1 < length ? charAt(DIGITS, (word >> 6) & 63) : "=")
      + (i + 2 < length ? charAt(DIGITS, word & 63) : "=");
  }
  return text;
}

/* ---- from text ---- */

/// Returns the value of a JSON text.
function decode(text, native) {
  const depth = native !== undefined ? native.depth(text) : depthOf(text);
  if (depth > MAX_DEPTH) {
    throw new TypeError("the JSON is nested deeper than " + MAX_DEPTH + " levels");
  }
  const value = parse(text);
  return includes(text, '"$') || includes(text, '"\\u0024') ? read(value) : value;
}

/// Returns how deep the brackets of a JSON text nest.
function depthOf(text) {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const code = codeAt(text, i);
    if (quoted) {
      if (code === 92) i++;
      else if (code === 34) quoted = false;
    } else if (code === 34) quoted = true;
    else if (code === 91 || code === 123) {
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (code === 93 || code === 125) depth--;
  }
  return deepest;
}

function read(value) {
  if (typeof value !== "object" || value === null) return value;
  if (isArray(value)) {
    for (let i = 0; i < value.length; i++) put(value, i, read(value[i]));
    return value;
  }
  const keys = ownKeys(value);
  if (keys.length === 1 && codeAt(keys[0], 0) === 36) return readForm(keys[0], value);
  for (let i = 0; i < keys.length; i++) put(value, keys[i], read(value[keys[i]]));
  return value;
}

function put(holder, key, value) {
  defineProperty(holder, key, {
    __proto__: null, value, writable: true, enumerable: true, configurable: true,
  });
}

function readForm(form, holder) {
  const content = holder[form];
  const bad = () => {
    throw new SyntaxError("the JSON has a `" + form + "` of a form that is not defined");
  };
  const list = () => (isArray(content) ? read(content) : bad());
  switch (form) {
    case "$undefined":
      return content === true ? undefined : bad();
    case "$int":
      return typeof content === "string" && test(/^-?\d+$/, content) ? BigInt(content) : bad();
    case "$float":
      return content === "NaN" || content === "Infinity" || content === "-Infinity"
        ? Number(content) : bad();
    case "$bytes":
      return typeof content === "string" ? readBytes(content, bad) : bad();
    case "$tuple":
      return list();
    case "$set":
    case "$frozenset": {
      const items = list();
      const set = new Set();
      for (let i = 0; i < items.length; i++) setAdd(set, items[i]);
      return set;
    }
    case "$dict": {
      const pairs = list();
      const map = new Map();
      for (let i = 0; i < pairs.length; i++) {
        const pair = pairs[i];
        if (!isArray(pair) || pair.length !== 2) bad();
        mapSet(map, pair[0], pair[1]);
      }
      return map;
    }
    case "$datetime":
      return typeof content === "string" ? readDate(content, bad) : bad();
  }
  if (KEPT[form] === true) return new Foreign(form, read(content));
  put(holder, form, read(content));
  return holder;
}

/// A time without a zone is UTC, as all of the sandbox is.
function readDate(text, bad) {
  const zoned = test(/(?:[zZ]|[+-]\d\d(?::?\d\d)?)$/, text) && test(/[T ]/, text);
  const date = new Date(dateParse(zoned ? text : text + "Z"));
  return dateTime(date) === dateTime(date) ? date : bad();
}

const VALUES = create(null);
for (let i = 0; i < 64; i++) VALUES[DIGITS[i]] = i;

function readBytes(text, bad) {
  let end = text.length;
  while (end > 0 && codeAt(text, end - 1) === 61) end--;
  if (end % 4 === 1) bad();
  const bytes = new Uint8Array(Math.floor((end * 3) / 4));
  let word = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < end; i++) {
    const digit = VALUES[charAt(text, i)];
    if (digit === undefined) bad();
    word = ((word << 6) | digit) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (word >> bits) & 255;
    }
  }
  return bytes;
}

module.exports = { encode, decode, Foreign, MAX_DEPTH };
