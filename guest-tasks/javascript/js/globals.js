// What a snippet finds beyond the language itself. Runs once, when the interpreter is made
// ready; draws neither the time nor random numbers then, since a snapshot would freeze them.
"use strict";

const {
  DOMException, Error, Number, RangeError, ReferenceError, SyntaxError, TypeError, Uint8Array,
  apply, create, defineProperty, exec, getOwnPropertyDescriptor, getPrototypeOf, is, isArray,
  join, objectPrototype, ownKeys, replaceAll, splice, split, startsWith, test, trim, uncurry,
} = require("./builtins.js");
const values = require("./values.js");
const inspecting = require("./inspect.js");

const root = globalThis;

/// Defines a global as the platform's own are: writable, configurable, not enumerable.
function global(name, value) {
  defineProperty(root, name, {
    __proto__: null, value, writable: true, enumerable: false, configurable: true,
  });
}

/* ---- console ---- */

let group = "";
const lines = (text) => (group === "" ? text : group + replaceAll(text, "\n", `\n${group}`));
const out = (...words) => native.write(1, `${lines(inspecting.line(words))}\n`);
const err = (...words) => native.write(2, `${lines(inspecting.line(words))}\n`);
const counts = create(null);
const started = create(null);
const console = {
  log: (...words) => out(...words),
  info: (...words) => out(...words),
  debug: (...words) => out(...words),
  warn: (...words) => err(...words),
  error: (...words) => err(...words),
  trace: (...words) => err("Trace:", ...words),
  dir: (value) => out(inspecting.inspect(value)),
  table: (value) => out(value),
  assert: (condition, ...words) => {
    if (condition) return;
    if (words.length > 0 && typeof words[0] === "string") err(`Assertion failed: ${words[0]}`, ...splice(words, 1));
    else if (words.length > 0) err("Assertion failed:", ...words);
    else err("Assertion failed");
  },
  group: (...words) => {
    if (words.length > 0) out(...words);
    group += "  ";
  },
  groupEnd: () => {
    group = group.slice(2);
  },
  count: (label = "default") => out(`${label}: ${(counts[label] = (counts[label] ?? 0) + 1)}`),
  countReset: (label = "default") => {
    counts[label] = 0;
  },
  time: (label = "default") => {
    started[label] = native.now();
  },
  timeEnd: (label = "default") => {
    if (started[label] === undefined) return;
    out(`${label}: ${(native.now() - started[label]).toFixed(3)}ms`);
    delete started[label];
  },
  timeLog: (label = "default", ...words) => {
    if (started[label] !== undefined) out(`${label}: ${(native.now() - started[label]).toFixed(3)}ms`, ...words);
  },
};
console.groupCollapsed = console.group;
global("console", console);

/* ---- timers ---- */

// In real time: the interpreter sleeps until the next one is due.
let timers = [];
let lastTimer = 0;

function addTimer(callback, delay, words, repeats, weak = false) {
  if (typeof callback !== "function") throw new TypeError("the callback of a timer must be a function");
  let wait = +delay;
  if (!(wait >= 1 && wait <= 0x7fffffff)) wait = 1;
  const timer = { id: ++lastTimer, due: native.now() + wait, wait, callback, words, repeats, weak };
  insert(timer);
  native.timerIsSet();
  return timer.id;
}

function insert(timer) {
  let low = 0;
  let high = timers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timers[middle].due <= timer.due) low = middle + 1;
    else high = middle;
  }
  splice(timers, low, 0, timer);
}

function clearTimer(id) {
  for (let i = 0; i < timers.length; i++) {
    if (timers[i].id === id) {
      timers[i].repeats = false;
      splice(timers, i, 1);
      return;
    }
  }
  if (running !== undefined && running.id === id) running.repeats = false;
}

let running;

global("setTimeout", function setTimeout(callback, delay, ...words) {
  return addTimer(callback, delay, words, false);
});
global("setInterval", function setInterval(callback, delay, ...words) {
  return addTimer(callback, delay, words, true);
});
global("setImmediate", function setImmediate(callback, ...words) {
  return addTimer(callback, 1, words, false);
});
global("clearTimeout", function clearTimeout(id) {
  clearTimer(id);
});
global("clearInterval", function clearInterval(id) {
  clearTimer(id);
});
global("clearImmediate", function clearImmediate(id) {
  clearTimer(id);
});

/// Returns the milliseconds until the next timer is due; -1 if there is none, or none but
/// weak ones, which run only while something else is waited for.
function untilTimer(waiting) {
  let weak = 0;
  while (!waiting && weak < timers.length && timers[weak].weak) weak++;
  if (weak === timers.length) return -1;
  const wait = timers[0].due - native.now();
  return wait > 0 ? wait : 0;
}

/// Runs the timer that is due first.
function runTimer() {
  const [timer] = splice(timers, 0, 1);
  running = timer;
  try {
    apply(timer.callback, undefined, timer.words);
  } finally {
    running = undefined;
    if (timer.repeats) {
      timer.due = native.now() + timer.wait;
      insert(timer);
    }
  }
}

function dropTimers() {
  timers = [];
}

/* ---- time, random numbers ---- */

global("performance", {
  now: () => native.now(),
  get timeOrigin() {
    return Date.now() - native.now();
  },
});

const hex = (byte) => (byte < 16 ? "0" : "") + uncurry(Number.prototype.toString)(byte, 16);
global("crypto", {
  getRandomValues(array) {
    if (!ArrayBuffer.isView(array)) throw new TypeError("getRandomValues takes a typed array");
    if (array.byteLength > 65536) throw new DOMException("more than 65536 bytes", "QuotaExceededError");
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    bytes.set(native.random(bytes.length));
    return array;
  },
  randomUUID() {
    const bytes = native.random(16);
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    let text = "";
    for (let i = 0; i < 16; i++) text += (i === 4 || i === 6 || i === 8 || i === 10 ? "-" : "") + hex(bytes[i]);
    return text;
  },
});

/* ---- text ---- */

const bytesOf = (source) => {
  if (source === undefined) return new Uint8Array(0);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return new Uint8Array(source);
};

global("TextEncoder", class TextEncoder {
  get encoding() {
    return "utf-8";
  }
  encode(text = "") {
    return native.encodeUtf8(`${text}`);
  }
  encodeInto(text, target) {
    let read = 0;
    let written = 0;
    for (const character of `${text}`) {
      const bytes = native.encodeUtf8(character);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
});

global("TextDecoder", class TextDecoder {
  #label;
  #fatal;
  #ignoreBOM;
  #rest = new Uint8Array(0);
  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    const name = `${label}`.trim().toLowerCase();
    if (name === "utf-8" || name === "utf8" || name === "unicode-1-1-utf-8") this.#label = "utf-8";
    else if (name === "utf-16le" || name === "utf-16") this.#label = "utf-16le";
    else if (name === "latin1" || name === "iso-8859-1" || name === "ascii" || name === "us-ascii" || name === "windows-1252") this.#label = "windows-1252";
    else throw new RangeError(`the encoding \`${label}\` is not available in this sandbox: utf-8, utf-16le and latin1 are`);
    this.#fatal = !!fatal;
    this.#ignoreBOM = !!ignoreBOM;
  }
  get encoding() {
    return this.#label;
  }
  get fatal() {
    return this.#fatal;
  }
  get ignoreBOM() {
    return this.#ignoreBOM;
  }
  decode(source, { stream = false } = {}) {
    let bytes = bytesOf(source);
    if (this.#rest.length > 0) {
      const all = new Uint8Array(this.#rest.length + bytes.length);
      all.set(this.#rest);
      all.set(bytes, this.#rest.length);
      bytes = all;
    }
    this.#rest = new Uint8Array(0);
    if (stream) {
      const whole = native.wholeCharacters(this.#label, bytes);
      this.#rest = bytes.slice(whole);
      bytes = bytes.subarray(0, whole);
    }
    return native.decodeText(this.#label, bytes, this.#fatal, this.#ignoreBOM);
  }
});

/* ---- structuredClone ---- */

global("structuredClone", function structuredClone(value) {
  const seen = new Map();
  const refuse = (what) => {
    throw new DOMException(`${what} could not be cloned.`, "DataCloneError");
  };
  const clone = (value) => {
    if (typeof value === "function" || typeof value === "symbol") refuse(String(value));
    if (typeof value !== "object" || value === null) return value;
    if (seen.has(value)) return seen.get(value);
    const keep = (copy) => {
      seen.set(value, copy);
      return copy;
    };
    const tag = Object.prototype.toString.call(value).slice(8, -1);
    if (isArray(value)) {
      const copy = keep(new Array(value.length));
      for (const key of Object.keys(value)) copy[key] = clone(value[key]);
      return copy;
    }
    if (value instanceof Map) {
      const copy = keep(new Map());
      for (const [key, item] of [...value]) copy.set(clone(key), clone(item));
      return copy;
    }
    if (value instanceof Set) {
      const copy = keep(new Set());
      for (const item of [...value]) copy.add(clone(item));
      return copy;
    }
    if (value instanceof Date) return keep(new Date(value.getTime()));
    if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
    if (value instanceof ArrayBuffer) return keep(value.slice(0));
    if (ArrayBuffer.isView(value)) {
      const buffer = clone(value.buffer);
      const length = value instanceof DataView ? value.byteLength : value.length;
      return keep(new value.constructor(buffer, value.byteOffset, length));
    }
    if (value instanceof Error) {
      const kinds = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
      const copy = keep(new (kinds[value.name] ?? Error)(value.message));
      if ("cause" in value) copy.cause = clone(value.cause);
      return copy;
    }
    if (tag === "Number" || tag === "String" || tag === "Boolean" || tag === "BigInt") return keep(Object(value.valueOf()));
    if (tag === "Promise" || tag === "WeakMap" || tag === "WeakSet" || tag === "WeakRef" || tag === "Generator") refuse(`#<${tag}>`);
    const copy = keep({});
    for (const key of Object.keys(value)) copy[key] = clone(value[key]);
    return copy;
  };
  return clone(value);
});

/* ---- URL, by the crate `url` ---- */

const linked = Symbol("query");

class URLSearchParams {
  #pairs = [];
  #changed = undefined;
  constructor(source = "") {
    if (source !== null && typeof source === "object") {
      const pairs = typeof source[Symbol.iterator] === "function" ? source : Object.entries(source);
      for (const pair of pairs) {
        const [name, value, ...rest] = pair;
        if (value === undefined || rest.length > 0) throw new TypeError("each query pair must be an iterable [name, value] tuple");
        this.#pairs.push([`${name}`, `${value}`]);
      }
    } else {
      this[linked](`${source}`, undefined);
    }
  }
  [linked](text, changed) {
    const flat = native.parseQuery(text.startsWith("?") ? text.slice(1) : text);
    this.#pairs = [];
    for (let i = 0; i < flat.length; i += 2) this.#pairs.push([flat[i], flat[i + 1]]);
    if (changed !== undefined) this.#changed = changed;
  }
  #update() {
    this.#changed?.(this.toString());
  }
  get size() {
    return this.#pairs.length;
  }
  append(name, value) {
    this.#pairs.push([`${name}`, `${value}`]);
    this.#update();
  }
  delete(name, value) {
    this.#pairs = this.#pairs.filter(([n, v]) => n !== `${name}` || (value !== undefined && v !== `${value}`));
    this.#update();
  }
  get(name) {
    return this.#pairs.find(([n]) => n === `${name}`)?.[1] ?? null;
  }
  getAll(name) {
    return this.#pairs.filter(([n]) => n === `${name}`).map(([, v]) => v);
  }
  has(name, value) {
    return this.#pairs.some(([n, v]) => n === `${name}` && (value === undefined || v === `${value}`));
  }
  set(name, value) {
    const first = this.#pairs.find(([n]) => n === `${name}`);
    if (first === undefined) this.#pairs.push([`${name}`, `${value}`]);
    else {
      first[1] = `${value}`;
      this.#pairs = this.#pairs.filter((pair) => pair === first || pair[0] !== `${name}`);
    }
    this.#update();
  }
  sort() {
    this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#update();
  }
  forEach(callback, self) {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }
  *entries() {
    for (const [name, value] of this.#pairs) yield [name, value];
  }
  *keys() {
    for (const [name] of this.#pairs) yield name;
  }
  *values() {
    for (const [, value] of this.#pairs) yield value;
  }
  [Symbol.iterator]() {
    return this.entries();
  }
  get [Symbol.toStringTag]() {
    return "URLSearchParams";
  }
  toString() {
    return native.formatQuery(this.#pairs.flat());
  }
}
global("URLSearchParams", URLSearchParams);

class URL {
  #href;
  #query = new URLSearchParams();
  constructor(url, base) {
    const href = native.parseUrl(`${url}`, base === undefined ? undefined : `${base}`);
    if (href === undefined) {
      const error = new TypeError("Invalid URL");
      error.code = "ERR_INVALID_URL";
      error.input = `${url}`;
      throw error;
    }
    this.#set(href);
  }
  #set(href) {
    this.#href = href;
    this.#query[linked](native.urlPart(href, "search"), (text) => {
      this.#href = native.setUrlPart(this.#href, "search", text);
    });
  }
  static canParse(url, base) {
    return native.parseUrl(`${url}`, base === undefined ? undefined : `${base}`) !== undefined;
  }
  static parse(url, base) {
    return URL.canParse(url, base) ? new URL(url, base) : null;
  }
  get href() {
    return this.#href;
  }
  set href(value) {
    const href = native.parseUrl(`${value}`, undefined);
    if (href === undefined) throw new TypeError("Invalid URL");
    this.#set(href);
  }
  get origin() {
    return native.urlPart(this.#href, "origin");
  }
  get searchParams() {
    return this.#query;
  }
  toString() {
    return this.#href;
  }
  toJSON() {
    return this.#href;
  }
  get [Symbol.toStringTag]() {
    return "URL";
  }
  static part(name) {
    defineProperty(URL.prototype, name, {
      __proto__: null,
      enumerable: true,
      configurable: true,
      get() {
        return native.urlPart(this.#href, name);
      },
      set(value) {
        this.#set(native.setUrlPart(this.#href, name, `${value}`));
      },
    });
  }
}
for (const name of ["protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"]) URL.part(name);
delete URL.part;
global("URL", URL);

/* ---- locales: there are none, which is an error and no wrong answer ---- */

function noLocales(what) {
  throw new RangeError(`not available in this sandbox: locales (\`${what}\` with arguments, \`Intl\`); format the value with plain code, or without arguments`);
}

const english = (locale) => locale === undefined || locale === "en-US" || locale === "en";

function withoutLocales(prototype, name, plain) {
  const method = { [name](...words) {
    if (!english(words[0]) || words[1] !== undefined) noLocales(name);
    return plain(this);
  } }[name];
  defineProperty(prototype, name, { __proto__: null, value: method, writable: true, enumerable: false, configurable: true });
}

function grouped(text) {
  const sign = text.startsWith("-") ? "-" : "";
  const [whole, fraction] = text.slice(sign.length).split(".");
  const groups = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return sign + groups + (fraction === undefined ? "" : `.${fraction}`);
}

const numberText = (number) => {
  const n = Number(number);
  if (n !== n) return "NaN";
  if (n === Infinity) return "∞";
  if (n === -Infinity) return "-∞";
  const text = Math.abs(n) < 1e21 ? n.toFixed(3).replace(/\.?0+$/, "") : BigInt(n).toString();
  return is(n, -0) ? "-0" : grouped(text);
};
const two = (n) => (n < 10 ? `0${n}` : `${n}`);
const dateText = (d) => `${d.getMonth() + 1}/${d.getDate()}/${d.getFullYear()}`;
const timeText = (d) => `${d.getHours() % 12 || 12}:${two(d.getMinutes())}:${two(d.getSeconds())} ${d.getHours() < 12 ? "AM" : "PM"}`;
const valid = (d, text) => (d.getTime() === d.getTime() ? text : "Invalid Date");
withoutLocales(Number.prototype, "toLocaleString", numberText);
withoutLocales(BigInt.prototype, "toLocaleString", (n) => grouped(`${n}`));
withoutLocales(Date.prototype, "toLocaleString", (d) => valid(d, `${dateText(d)}, ${timeText(d)}`));
withoutLocales(Date.prototype, "toLocaleDateString", (d) => valid(d, dateText(d)));
withoutLocales(Date.prototype, "toLocaleTimeString", (d) => valid(d, timeText(d)));
for (const prototype of [Array.prototype, getPrototypeOf(Uint8Array.prototype)]) {
  const bare = uncurry(prototype.toLocaleString);
  withoutLocales(prototype, "toLocaleString", (list) => bare(list));
}
for (const name of ["toLocaleUpperCase", "toLocaleLowerCase"]) {
  const bare = uncurry(String.prototype[name]);
  withoutLocales(String.prototype, name, (text) => bare(text));
}
withoutLocales(String.prototype, "localeCompare", undefined);
{
  // The order of words by the root collation is that of `Intl`; for text of ASCII letters
  // and digits this is it.
  const rank = (text) => {
    let key = "";
    for (const c of text) key += c.toLowerCase();
    return key;
  };
  const method = { localeCompare(other, locale, options) {
    if (!english(locale) || options !== undefined) noLocales("localeCompare");
    const [a, b] = [`${this}`.normalize("NFC"), `${other}`.normalize("NFC")];
    return collate(a, b, rank);
  } }.localeCompare;
  defineProperty(String.prototype, "localeCompare", { __proto__: null, value: method, writable: true, enumerable: false, configurable: true });
}

const base = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "");
const kind = (c) => (/[\p{L}]/u.test(c) ? 3 : /\p{N}/u.test(c) ? 2 : /\s/u.test(c) ? 0 : 1);

/// Compares as Unicode's root collation does for Latin text: letters, then accents, then
/// case, small letters first; spaces, signs, digits and letters in this order.
function collate(a, b, rank) {
  const levels = [(t) => rank(base(t)), (t) => rank(t)];
  for (const level of levels) {
    const [x, y] = [[...level(a)], [...level(b)]];
    for (let i = 0; i < x.length && i < y.length; i++) {
      if (x[i] === y[i]) continue;
      const [k, l] = [kind(x[i]), kind(y[i])];
      if (k !== l) return k < l ? -1 : 1;
      return x[i] < y[i] ? -1 : 1;
    }
    if (x.length !== y.length) return x.length < y.length ? -1 : 1;
  }
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (a[i] !== b[i]) return a[i] === a[i].toLowerCase() ? -1 : 1;
  }
  return 0;
}

/* ---- tools of the host ---- */

let tools;

/// Makes the functions of the host, at the first use of `tools`.
function hostTools() {
  if (tools !== undefined) return tools;
  const named = create(null);
  const list = native.tools();
  for (let i = 0; i < list.length; i++) {
    const { name, description, schema } = list[i];
    named[name] = hostTool(name, description, schema);
  }
  const names = ownKeys(named);
  tools = new Proxy(named, {
    __proto__: null,
    get(target, key) {
      if (key in target || typeof key === "symbol" || key === "then" || key === "toJSON" || key in objectPrototype) return target[key];
      const there = names.length === 0 ? "there are none here" : `there are ${join(names, ", ")}`;
      throw new ReferenceError(`no tool \`${key}\` is granted: ${there}`);
    },
  });
  return tools;
}

function hostTool(name, description, schema) {
  const properties = parameters(schema);
  const tool = (...words) => {
    const text = native.callTool(name, values.encode(toolArguments(words, properties), native));
    return values.decode(text, native);
  };
  defineProperty(tool, "name", { __proto__: null, value: name, configurable: true });
  tool.description = description;
  tool.schema = schema === undefined ? undefined : values.decode(schema, native);
  return tool;
}

function parameters(schema) {
  try {
    return ownKeys(values.decode(schema, native).properties);
  } catch {
    return [];
  }
}

const isPlain = (word) => typeof word === "object" && word !== null
  && (getPrototypeOf(word) === objectPrototype || getPrototypeOf(word) === null);

/// One object is the arguments by name. Others are positional: by the schema's names, as
/// far as there are some, where an object at the end adds arguments by name.
function toolArguments(words, properties) {
  if (words.length === 0) return {};
  if (words.length === 1 && isPlain(words[0])) return words[0];
  const last = words.length - 1;
  const extra = isPlain(words[last]) ? words[last] : undefined;
  const positional = extra === undefined ? words.length : last;
  if (positional > properties.length) return words;
  const named = extra === undefined ? {} : { ...extra };
  for (let i = 0; i < positional; i++) named[properties[i]] = words[i];
  return named;
}

defineProperty(root, "tools", {
  __proto__: null,
  get: hostTools,
  set(value) {
    global("tools", value);
  },
  enumerable: false,
  configurable: true,
});

/* ---- failures ---- */

/// What models reach for and is not here, with what to do instead.
const ABSENT = create(null);
for (const [names, advice] of [
  [["require", "module", "exports", "__dirname", "__filename"], "modules of node; write the function yourself, or `import` a module that the host has defined"],
  [["XMLHttpRequest", "WebSocket", "EventSource"], "the network; use `fetch` where the host grants it, or a function of `tools`"],
  [["Blob", "File", "FormData", "ReadableStream"], "streams, files and forms; use strings, URLSearchParams and typed arrays"],
  [["process", "Deno", "Bun", "Buffer"], "the interfaces of node and others; `input` is the input, `Uint8Array` and `TextEncoder` handle bytes, `console.log` writes"],
  [["window", "document", "localStorage", "sessionStorage", "navigator", "alert", "prompt"], "the browser; return the value, or write with `console.log`"],
  [["Worker", "SharedWorker", "WebAssembly"], "threads and WebAssembly; run the work in this snippet"],
  [["Intl", "Temporal"], "locales and time zones; format the value with plain code"],
]) for (const name of names) ABSENT[name] = advice;


/// Returns type, message and traceback of whatever was thrown.
function describe(thrown) {
  try {
    return describeChain(thrown, 0);
  } catch {
    return ["Error", "an error that cannot be described was thrown", "Error: an error that cannot be described was thrown"];
  }
}

function text(value, otherwise) {
  if (typeof value === "string") return value;
  return value === undefined ? otherwise : inspecting.inspect(value);
}

function describeChain(thrown, depth) {
  if (!isError(thrown)) {
    const message = inspecting.inspect(thrown);
    return ["Uncaught", message, "Uncaught: " + message];
  }
  const type = text(thrown.name, "Error");
  let message = text(thrown.message, "");
  const missing = exec(/^'?([A-Za-z_$][\w$]*)'? is not defined$/, message);
  if (missing !== null && ABSENT[missing[1]] !== undefined) {
    message += " (not available in this sandbox: " + (ABSENT[missing[1]]) + ")";
  }
  let traceback = frames(thrown.stack);
  traceback += message === "" ? type : type + ": " + message;
  if (isArray(thrown.errors)) {
    for (let i = 0; i < thrown.errors.length && i < 8; i++) {
      const [kind, what] = depth < 8 ? describeChain(thrown.errors[i], depth + 1) : ["Error", "..."];
      message += "\n  " + kind + ": " + what;
    }
  }
  const cause = getOwnPropertyDescriptor(thrown, "cause");
  if (cause !== undefined && cause.value !== undefined && depth < 8) {
    const inner = describeChain(cause.value, depth + 1);
    traceback = inner[2] + "\n\nThis was the cause of:\n\n" + traceback;
  }
  return [type, message, traceback];
}

function isError(thrown) {
  return thrown instanceof Error || thrown instanceof DOMException;
}

/// The calls of the snippet that an error came through, innermost last.
function frames(stack) {
  if (typeof stack !== "string") return "";
  const calls = split(stack, "\n");
  let shown = "";
  for (let i = 0; i < calls.length; i++) {
    const call = trim(calls[i]);
    if (!startsWith(call, "at ") || test(/<sandpool>|\(native\)|\(<null>/, call)) continue;
    const outermost = exec(/^at <eval> \((.*)\)$/, call);
    shown = "  " + (outermost === null ? call : "at " + outermost[1]) + "\n" + shown;
  }
  return shown === "" ? "" : "Traceback (innermost call last):\n" + shown;
}

/* ---- what the host asks for ---- */

const indirectEval = eval;

/// Calls a function by its name, `f` or `object.method`. A list of arguments is positional;
/// an object is the one argument, since JavaScript has no keywords.
async function callByName(name, text) {
  const words = values.decode(text, native);
  if (!test(/^[\p{L}_$][\p{L}\p{N}_$]*(\.[\p{L}_$][\p{L}\p{N}_$]*)*$/u, name)) {
    throw new TypeError(`\`${name}\` is not the name of a function`);
  }
  const parts = split(name, ".");
  let self;
  let found = indirectEval(`typeof ${parts[0]} === "undefined" ? undefined : ${parts[0]}`);
  for (let i = 1; i < parts.length && found !== undefined && found !== null; i++) {
    self = found;
    found = found[parts[i]];
  }
  if (found === undefined) throw new ReferenceError(`function \`${name}\` is not defined`);
  if (typeof found !== "function") throw new TypeError(`\`${name}\` is not a function`);
  return apply(found, self, isArray(words) ? words : [words]);
}

/* ---- scripts, which run for many inputs ---- */

const sourceOf = uncurry(Function.prototype.toString);
const NO_PARAMETER = /^(async\b\s*)?(function\b\s*\*?\s*[\w$]*)?\s*\(\s*\)/;
let inputIsUsed = false;

/// Gives a script its input, and notes whether it is used before `main` is called.
function offerInput(value) {
  inputIsUsed = false;
  defineProperty(root, "input", {
    __proto__: null,
    get() {
      inputIsUsed = true;
      return value;
    },
    set(other) {
      global("input", other);
    },
    enumerable: false,
    configurable: true,
  });
}

/// Returns the function `main` that the script has defined, if it has a parameter and the
/// script has not used its input.
function mainOfScript() {
  const main = inputIsUsed ? undefined : indirectEval("typeof main === 'function' ? main : undefined");
  if (main === undefined) return undefined;
  const source = sourceOf(main);
  if (test(/^class\b/, source)) return undefined;
  return main.length > 0 || !test(NO_PARAMETER, source) ? main : undefined;
}

async function callMain(main, input) {
  global("input", input);
  return main(input);
}

global("input", null);

module.exports = {
  addTimer, untilTimer, runTimer, dropTimers, hostTools, describe, callByName,
  offerInput, mainOfScript, callMain, setGlobal: global,
  encode: (value) => values.encode(value, native),
  show: (value) => inspecting.inspect(value),
  decode: (text) => {
    try {
      return values.decode(text, native);
    } catch (error) {
      throw error instanceof SyntaxError
        ? new SyntaxError(`the input is no JSON: ${error.message}`) : error;
    }
  },
};
