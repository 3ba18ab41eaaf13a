// `fetch`, with Headers, Request, Response and AbortController. `src/fetch.rs` sends the
// requests; here are the bodies, the redirects and the promises. Nothing here trusts what a
// snippet may have changed: the functions it needs are taken when the interpreter is made.
"use strict";

const globals = require("./globals.js");

const { apply, defineProperty } = Reflect;
const uncurry = (method) => (self, ...words) => apply(method, self, words);
const getter = (prototype, name) => uncurry(Reflect.getOwnPropertyDescriptor(prototype, name).get);
const { create } = Object;
const { isView } = ArrayBuffer;
const { parse, stringify } = JSON;
const Bytes = Uint8Array;
const Buffer = ArrayBuffer;
const MapHere = Map;
const SetHere = Set;
const PromiseHere = Promise;
const TypeErrorHere = TypeError;
const RangeErrorHere = RangeError;
const Exception = DOMException;
const Params = URLSearchParams;
const { iterator, toStringTag } = Symbol;
const mapGet = uncurry(Map.prototype.get);
const mapSet = uncurry(Map.prototype.set);
const mapHas = uncurry(Map.prototype.has);
const mapDelete = uncurry(Map.prototype.delete);
const mapForEach = uncurry(Map.prototype.forEach);
const setAdd = uncurry(Set.prototype.add);
const setDelete = uncurry(Set.prototype.delete);
const setForEach = uncurry(Set.prototype.forEach);
const bufferOf = getter(Object.getPrototypeOf(Uint8Array.prototype), "buffer");
const sort = uncurry(Array.prototype.sort);
const exec = uncurry(RegExp.prototype.exec);
const indexOf = uncurry(String.prototype.indexOf);
const slice = uncurry(String.prototype.slice);
const startsWith = uncurry(String.prototype.startsWith);
const lower = uncurry(String.prototype.toLowerCase);
const upper = uncurry(String.prototype.toUpperCase);
const paramsText = uncurry(URLSearchParams.prototype.toString);

/// Adds to an array, whatever setters its prototype has by now.
function append(list, value) {
  defineProperty(list, list.length, {
    __proto__: null, value, writable: true, enumerable: true, configurable: true,
  });
}

/// Calls a function with each two lines of a text.
function eachPair(text, callback) {
  for (let start = 0; start < text.length;) {
    const middle = indexOf(text, "\n", start);
    const end = indexOf(text, "\n", middle + 1);
    callback(slice(text, start, middle), slice(text, middle + 1, end));
    start = end + 1;
  }
}

const isObject = (value) => typeof value === "object" && value !== null;

/* ---- Headers ---- */

const headerName = (name) => {
  const text = `${name}`;
  if (exec(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, text) === null) throw new TypeErrorHere(`\`${text}\` is no name of a header`);
  return lower(text);
};

const headerValue = (name, value) => {
  const text = exec(/^[\t\r\n ]*([^]*?)[\t\r\n ]*$/, `${value}`)[1];
  if (exec(/^[^\0\r\n\u0100-\uffff]*$/, text) === null) throw new TypeErrorHere(`the value of the header \`${name}\` has characters that a header cannot have`);
  return text;
};

let headersOf;

class Headers {
  // Values by their names; those of `set-cookie` in lines.
  #values = new MapHere();
  static {
    headersOf = (headers) => headers.#values;
  }
  constructor(source) {
    if (source === undefined || source === null) return;
    if (!isObject(source)) throw new TypeErrorHere("headers must be an object, a list of pairs or Headers");
    if (#values in source) {
      mapForEach(source.#values, (value, name) => mapSet(this.#values, name, value));
    } else if (typeof source[iterator] === "function") {
      for (const pair of source) {
        const [name, value, ...rest] = pair;
        if (value === undefined || rest.length > 0) throw new TypeErrorHere("each pair of headers must be a name and a value");
        this.#append(name, value);
      }
    } else {
      const names = Reflect.ownKeys(source);
      for (let i = 0; i < names.length; i++) {
        if (typeof names[i] === "string") this.#append(names[i], source[names[i]]);
      }
    }
  }
  #append(name, value) {
    const key = headerName(name);
    const text = headerValue(key, value);
    const between = key === "set-cookie" ? "\n" : ", ";
    const before = mapGet(this.#values, key);
    mapSet(this.#values, key, before === undefined ? text : before + between + text);
  }
  /// Returns names and values, sorted by the names.
  #sorted() {
    const names = [];
    mapForEach(this.#values, (_, name) => append(names, name));
    sort(names);
    const pairs = [];
    for (let i = 0; i < names.length; i++) {
      const value = mapGet(this.#values, names[i]);
      if (names[i] !== "set-cookie") append(pairs, [names[i], value]);
      else eachLine(value, (cookie) => append(pairs, [names[i], cookie]));
    }
    return pairs;
  }
  append(name, value) {
    this.#append(name, value);
  }
  delete(name) {
    mapDelete(this.#values, headerName(name));
  }
  get(name) {
    const key = headerName(name);
    const value = mapGet(this.#values, key);
    if (value === undefined || key !== "set-cookie") return value ?? null;
    let all = "";
    eachLine(value, (cookie, first) => {
      all += first ? cookie : `, ${cookie}`;
    });
    return all;
  }
  getSetCookie() {
    const cookies = [];
    const value = mapGet(this.#values, "set-cookie");
    if (value !== undefined) eachLine(value, (cookie) => append(cookies, cookie));
    return cookies;
  }
  has(name) {
    return mapHas(this.#values, headerName(name));
  }
  set(name, value) {
    const key = headerName(name);
    mapSet(this.#values, key, headerValue(key, value));
  }
  forEach(callback, self) {
    const pairs = this.#sorted();
    for (let i = 0; i < pairs.length; i++) apply(callback, self, [pairs[i][1], pairs[i][0], this]);
  }
  *entries() {
    const pairs = this.#sorted();
    for (let i = 0; i < pairs.length; i++) yield pairs[i];
  }
  *keys() {
    const pairs = this.#sorted();
    for (let i = 0; i < pairs.length; i++) yield pairs[i][0];
  }
  *values() {
    const pairs = this.#sorted();
    for (let i = 0; i < pairs.length; i++) yield pairs[i][1];
  }
  [iterator]() {
    return this.entries();
  }
  get [toStringTag]() {
    return "Headers";
  }
}

function eachLine(text, callback) {
  for (let start = 0; start <= text.length;) {
    let end = indexOf(text, "\n", start);
    if (end < 0) end = text.length;
    callback(slice(text, start, end), start === 0);
    start = end + 1;
  }
}

/* ---- bodies ---- */

/// The content of a body, which is there now or comes later.
class Content {
  bytes;
  error;
  #readers = new SetHere();
  constructor(bytes) {
    this.bytes = bytes;
  }
  arrive(bytes, error) {
    this.bytes = bytes;
    this.error = error;
    setForEach(this.#readers, (reader) => reader());
    this.#readers = undefined;
  }
  whenThere(reader) {
    if (this.bytes !== undefined || this.error !== undefined) reader();
    else setAdd(this.#readers, reader);
  }
}

/// Returns what is sent for a body, and its type.
function extract(body) {
  if (body === undefined || body === null) return [undefined, undefined];
  if (!isObject(body) && typeof body !== "function") return [native.encodeUtf8(`${body}`), "text/plain;charset=UTF-8"];
  if (body instanceof Params) return [native.encodeUtf8(paramsText(body)), "application/x-www-form-urlencoded;charset=UTF-8"];
  if (isView(body)) return [new Bytes(new Bytes(body.buffer, body.byteOffset, body.byteLength)), undefined];
  if (body instanceof Buffer) return [new Bytes(new Bytes(body)), undefined];
  throw new TypeErrorHere("a body must be a string, URLSearchParams, an ArrayBuffer or a typed array; use JSON.stringify for an object");
}

let takeContent;
let shareContent;

class Body {
  #content;
  #used = false;
  #shared = false;
  static {
    takeContent = (body) => body.#take();
    shareContent = (body) => body.#share();
  }
  constructor(content, shared) {
    this.#content = content;
    this.#shared = shared;
  }
  #take() {
    if (this.#used) throw new TypeErrorHere("Body is unusable: Body has already been read");
    this.#used = this.#content !== undefined;
    return this.#content;
  }
  /// Returns the promise of the body in some form.
  #read(convert) {
    return new PromiseHere((resolve, reject) => {
      const content = this.#take() ?? new Content(new Bytes(0));
      const reader = () => {
        try {
          if (content.error !== undefined) reject(content.error);
          else resolve(convert(this.#shared ? new Bytes(content.bytes) : content.bytes));
        } catch (error) {
          reject(error);
        }
      };
      content.whenThere(reader);
    });
  }
  /// Returns the content for a second owner.
  #share() {
    if (this.#used) throw new TypeErrorHere("Body has already been read and cannot be cloned");
    this.#shared = true;
    return this.#content;
  }
  get bodyUsed() {
    return this.#used;
  }
  get body() {
    if (this.#content === undefined) return null;
    throw new TypeErrorHere("not available in this sandbox: streams (`body`); use `text()`, `json()` or `bytes()`");
  }
  text() {
    return this.#read((bytes) => native.decodeText("utf-8", bytes, false, false));
  }
  json() {
    return this.#read((bytes) => parse(native.decodeText("utf-8", bytes, false, false)));
  }
  bytes() {
    return this.#read((bytes) => bytes);
  }
  arrayBuffer() {
    return this.#read((bytes) => bufferOf(bytes));
  }
  blob() {
    return noForms("Blob");
  }
  formData() {
    return noForms("FormData");
  }
}

function noForms(what) {
  return new PromiseHere((_, reject) => {
    reject(new TypeErrorHere(`not available in this sandbox: \`${what}\`; use \`text()\`, \`json()\` or \`bytes()\``));
  });
}

/* ---- AbortController ---- */

let newSignal;
let abortSignal;
let stepsOf;

class AbortSignal {
  #aborted = false;
  #reason;
  // What is ours runs before what the snippet listens with.
  #steps = new SetHere();
  #listeners = new SetHere();
  onabort = null;
  static {
    newSignal = () => new AbortSignal(newSignal);
    stepsOf = (signal) => signal.#steps;
    abortSignal = (signal, reason) => signal.#abort(reason);
  }
  constructor(key) {
    if (key !== newSignal) throw new TypeErrorHere("Illegal constructor");
  }
  #abort(reason) {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason ?? new Exception("This operation was aborted", "AbortError");
    setForEach(this.#steps, (step) => step());
    const event = { type: "abort", target: this };
    if (typeof this.onabort === "function") apply(this.onabort, this, [event]);
    setForEach(this.#listeners, (listener) => {
      apply(typeof listener === "function" ? listener : listener.handleEvent, this, [event]);
    });
  }
  static abort(reason) {
    const signal = newSignal();
    abortSignal(signal, reason);
    return signal;
  }
  static timeout(milliseconds) {
    if (!(milliseconds >= 0)) throw new RangeErrorHere("the time of a timeout must be a number of milliseconds");
    const signal = newSignal();
    // Nothing waits for it alone.
    globals.addTimer(() => {
      abortSignal(signal, new Exception("The operation was aborted due to timeout", "TimeoutError"));
    }, milliseconds, [], false, true);
    return signal;
  }
  static any(signals) {
    const all = newSignal();
    for (const signal of signals) {
      if (signal.#aborted) abortSignal(all, signal.#reason);
      setAdd(signal.#steps, () => abortSignal(all, signal.#reason));
    }
    return all;
  }
  get aborted() {
    return this.#aborted;
  }
  get reason() {
    return this.#reason;
  }
  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }
  addEventListener(type, listener) {
    if (type === "abort" && listener !== null && listener !== undefined) setAdd(this.#listeners, listener);
  }
  removeEventListener(type, listener) {
    if (type === "abort") setDelete(this.#listeners, listener);
  }
  get [toStringTag]() {
    return "AbortSignal";
  }
}

class AbortController {
  #signal = newSignal();
  get signal() {
    return this.#signal;
  }
  abort(reason) {
    abortSignal(this.#signal, reason);
  }
  get [toStringTag]() {
    return "AbortController";
  }
}

/* ---- Request, Response ---- */

const REDIRECTS = { __proto__: null, follow: true, error: true, manual: true };
// The host writes these itself.
const NOT_SENT = { __proto__: null, connection: true, "content-length": true, host: true, "transfer-encoding": true, "keep-alive": true, upgrade: true, te: true, trailer: true };

function webAddress(url, base) {
  const href = native.parseUrl(`${url}`, base);
  if (href === undefined) throw new TypeErrorHere(`Failed to parse URL from ${url}`);
  const scheme = native.urlPart(href, "protocol");
  if (scheme !== "http:" && scheme !== "https:") throw new TypeErrorHere(`fetch failed: \`${href}\` is no http or https address`);
  return href;
}

let stateOf;

class Request extends Body {
  #state;
  static {
    stateOf = (request) => request.#state;
  }
  constructor(input, init) {
    const source = isObject(input) && #state in input ? input : undefined;
    const from = source?.#state;
    const { method, headers, body, redirect, signal } = isObject(init) ? init : {};
    let type;
    let content;
    if (body !== undefined && body !== null) {
      const sent = extract(body);
      type = sent[1];
      content = new Content(sent[0]);
    } else if (source !== undefined) {
      content = takeContent(source);
    }
    super(content, false);
    const url = from?.url ?? webAddress(input);
    if (native.urlPart(url, "username") !== "" || native.urlPart(url, "password") !== "") {
      throw new TypeErrorHere("Request cannot be constructed from a URL that includes credentials; use the header `authorization`");
    }
    const name = upper(`${method ?? from?.method ?? "GET"}`);
    if (exec(/^[!#$%&'*+.^_`|~0-9A-Z-]+$/, name) === null) throw new TypeErrorHere(`'${name}' is not a valid HTTP method.`);
    if (name === "CONNECT" || name === "TRACE" || name === "TRACK") throw new TypeErrorHere(`'${name}' HTTP method is unsupported.`);
    if (content !== undefined && (name === "GET" || name === "HEAD")) throw new TypeErrorHere("Request with GET/HEAD method cannot have body.");
    const all = new Headers(headers ?? from?.headers);
    if (type !== undefined && !mapHas(headersOf(all), "content-type")) mapSet(headersOf(all), "content-type", type);
    const mode = `${redirect ?? from?.redirect ?? "follow"}`;
    if (REDIRECTS[mode] !== true) throw new TypeErrorHere(`\`${mode}\` is no way to handle redirects: "follow", "error" and "manual" are`);
    const stop = signal === undefined ? from?.signal : signal ?? undefined;
    // Throws where it is none.
    if (stop !== undefined) stepsOf(stop);
    this.#state = { __proto__: null, url, method: name, headers: all, redirect: mode, signal: stop };
  }
  get url() {
    return this.#state.url;
  }
  get method() {
    return this.#state.method;
  }
  get headers() {
    return this.#state.headers;
  }
  get redirect() {
    return this.#state.redirect;
  }
  get signal() {
    return (this.#state.signal ??= newSignal());
  }
  clone() {
    const content = shareContent(this);
    const copy = new Request(this.#state.url, this.#state);
    return content === undefined ? copy : new Request(copy, { body: content.bytes });
  }
  get [toStringTag]() {
    return "Request";
  }
}

const TEXTS = create(null);
eachPair(`200
OK
201
Created
202
Accepted
204
No Content
206
Partial Content
301
Moved Permanently
302
Found
303
See Other
304
Not Modified
307
Temporary Redirect
308
Permanent Redirect
400
Bad Request
401
Unauthorized
402
Payment Required
403
Forbidden
404
Not Found
405
Method Not Allowed
406
Not Acceptable
408
Request Timeout
409
Conflict
410
Gone
413
Payload Too Large
415
Unsupported Media Type
418
I'm a Teapot
422
Unprocessable Entity
429
Too Many Requests
500
Internal Server Error
501
Not Implemented
502
Bad Gateway
503
Service Unavailable
504
Gateway Timeout
`, (status, text) => {
  TEXTS[status] = text;
});

let newResponse;

class Response extends Body {
  #status;
  #statusText;
  #headers;
  #url = "";
  #redirected = false;
  static {
    newResponse = (content, shared, status, headers, url, redirected) => {
      const response = new Response(newResponse, { content, shared });
      response.#status = status;
      response.#statusText = TEXTS[status] ?? "";
      response.#headers = headers;
      response.#url = url;
      response.#redirected = redirected;
      return response;
    };
  }
  constructor(body, init) {
    if (body === newResponse) {
      super(init.content, init.shared);
      return;
    }
    const sent = extract(body);
    const bytes = sent[0];
    const type = sent[1];
    super(bytes === undefined ? undefined : new Content(bytes), false);
    const { status = 200, statusText = "", headers } = isObject(init) ? init : {};
    if (!(status >= 200 && status <= 599)) throw new RangeErrorHere("the status must be from 200 to 599");
    this.#status = +status;
    this.#statusText = `${statusText}`;
    this.#headers = new Headers(headers);
    if (type !== undefined && !this.#headers.has("content-type")) this.#headers.set("content-type", type);
  }
  static json(value, init) {
    const response = new Response(stringify(value), init);
    if (init?.headers === undefined) response.#headers.set("content-type", "application/json");
    return response;
  }
  get ok() {
    return this.#status >= 200 && this.#status <= 299;
  }
  get status() {
    return this.#status;
  }
  get statusText() {
    return this.#statusText;
  }
  get headers() {
    return this.#headers;
  }
  get url() {
    return this.#url;
  }
  get redirected() {
    return this.#redirected;
  }
  get type() {
    return this.#url === "" ? "default" : "basic";
  }
  clone() {
    const content = shareContent(this);
    const copy = newResponse(content, true, this.#status, new Headers(this.#headers), this.#url, this.#redirected);
    copy.#statusText = this.#statusText;
    return copy;
  }
  get [toStringTag]() {
    return "Response";
  }
}

/* ---- fetch ---- */

const MAX_REDIRECTS = 20;

/// The requests that are under way, by their numbers.
let pending = create(null);

/// A call of `fetch`.
class Fetch {
  id;
  redirects = 0;
  content;
  #step;
  constructor(request, resolve, reject, error) {
    const { url, method, headers, redirect, signal } = stateOf(request);
    this.url = url;
    this.method = method;
    this.headers = headers;
    this.redirect = redirect;
    this.signal = signal;
    this.body = takeContent(request)?.bytes;
    this.resolve = resolve;
    this.reject = reject;
    // It has the line of the call.
    this.error = error;
    if (signal === undefined) return;
    signal.throwIfAborted();
    this.#step = () => this.abort(signal.reason);
    setAdd(stepsOf(signal), this.#step);
  }
  send() {
    let text = "";
    mapForEach(headersOf(this.headers), (value, name) => {
      if (NOT_SENT[name] !== true) text += `${name}\n${value}\n`;
    });
    if (!mapHas(headersOf(this.headers), "user-agent")) text += "user-agent\nsandpool\n";
    if (this.body !== undefined && this.body.length > 0) text += `content-length\n${this.body.length}\n`;
    const started = native.fetch(this.method, this.url, text, this.body ?? new Bytes(0));
    if (typeof started === "string") return this.fail(started);
    this.id = started;
    pending[started] = this;
  }
  answered(status, text) {
    const headers = new Headers();
    const values = headersOf(headers);
    eachPair(text, (name, value) => {
      const key = lower(name);
      const before = mapGet(values, key);
      const between = key === "set-cookie" ? "\n" : ", ";
      mapSet(values, key, before === undefined ? value : before + between + value);
    });
    const leads = status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
    const location = mapGet(values, "location");
    if (leads && location !== undefined && this.redirect !== "manual") return this.follow(status, location);
    this.content = new Content();
    this.resolve(newResponse(this.content, false, status, headers, this.#bare(), this.redirects > 0));
  }
  #bare() {
    const hash = indexOf(this.url, "#");
    return hash < 0 ? this.url : slice(this.url, 0, hash);
  }
  follow(status, location) {
    this.leave();
    if (this.redirect === "error") return this.fail(`fetch failed: ${this.method} ${this.url}: unexpected redirect to ${location}`);
    if (++this.redirects > MAX_REDIRECTS) return this.fail(`fetch failed: ${this.url}: more than ${MAX_REDIRECTS} redirects`);
    const url = webAddress(location, this.url);
    const drop = (names) => {
      const kept = new Headers(this.headers);
      for (let i = 0; i < names.length; i++) mapDelete(headersOf(kept), names[i]);
      this.headers = kept;
    };
    const forgets = status === 303 ? this.method !== "HEAD" : status < 303 && this.method === "POST";
    if (forgets) {
      this.method = "GET";
      this.body = undefined;
      drop(["content-type", "content-encoding", "content-language", "content-location"]);
    }
    if (native.urlPart(url, "origin") !== native.urlPart(this.url, "origin")) {
      drop(["authorization", "proxy-authorization", "cookie"]);
    }
    this.url = url;
    this.send();
  }
  arrived(bytes) {
    this.leave();
    this.end();
    this.content.arrive(bytes, undefined);
  }
  fail(reason) {
    defineProperty(this.error, "message", {
      __proto__: null, value: reason, writable: true, enumerable: false, configurable: true,
    });
    this.abort(this.error);
  }
  abort(error) {
    this.leave();
    this.end();
    if (this.content === undefined) this.reject(error);
    else this.content.arrive(undefined, error);
  }
  /// Ends the request that is under way.
  leave() {
    if (this.id === undefined) return;
    native.endFetch(this.id);
    delete pending[this.id];
    this.id = undefined;
  }
  end() {
    if (this.#step !== undefined) setDelete(stepsOf(this.signal), this.#step);
  }
}

/// Says what came of a request.
function onEvent(id, status, value) {
  const fetching = pending[id];
  if (fetching === undefined) return;
  try {
    if (status > 0) fetching.answered(status, value);
    else if (status === 0) fetching.arrived(value);
    else fetching.fail(value);
  } catch (error) {
    fetching.abort(error);
  }
}

/// Forgets all requests, which the host has ended.
function forget() {
  pending = create(null);
}

globals.setGlobal("fetch", function fetch(input, init = undefined) {
  return new PromiseHere((resolve, reject) => {
    new Fetch(new Request(input, init), resolve, reject, new TypeErrorHere()).send();
  });
});
globals.setGlobal("Headers", Headers);
globals.setGlobal("Request", Request);
globals.setGlobal("Response", Response);
globals.setGlobal("AbortController", AbortController);
globals.setGlobal("AbortSignal", AbortSignal);

module.exports = { onEvent, forget };
