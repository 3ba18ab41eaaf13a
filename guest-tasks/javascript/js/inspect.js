// The text of a value for `console`, in the style of node.
"use strict";

const {
  Error, arrayIncludes, dateISO, dateTime, functionText, getOwnPropertyDescriptor,
  getPrototypeOf, includes, is, isArray, isDate, isMap, isSet, join, mapForEach, mapSize,
  objectTag, ownKeys, regexpText, repeat, replace, setForEach, setSize, slice, startsWith,
  stringify, symbolText, test, typedTag,
} = require("./builtins.js");

const MAX_ITEMS = 100;
const LINE = 72;

function quoted(text) {
  if (!includes(text, "'")) {
    return `'${replace(slice(stringify(text), 1, -1), /\\"/g, '"')}'`;
  }
  return includes(text, '"') && !includes(text, "`") ? "`" + text + "`" : stringify(text);
}

const keyText = (key) =>
  typeof key === "symbol" ? `[${symbolText(key)}]`
    : test(/^[A-Za-z_$][\w$]*$/, key) ? key : quoted(key);

/// Returns the text of any value; never throws.
function inspect(value, options) {
  try {
    return show(value, options?.depth ?? 2, [], 0);
  } catch {
    return "[a value that cannot be shown]";
  }
}

function show(value, depth, outer, indent) {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "number":
      return is(value, -0) ? "-0" : `${value}`;
    case "bigint":
      return `${value}n`;
    case "symbol":
      return symbolText(value);
    case "function":
      return showFunction(value);
    case "object":
      break;
    default:
      return `${value}`;
  }
  if (value === null) return "null";
  if (arrayIncludes(outer, value)) return "[Circular *1]";
  return showObject(value, depth, [...outer, value], indent);
}

function showFunction(value) {
  const name = typeof value.name === "string" ? value.name : "";
  if (startsWith(functionText(value), "class")) {
    const parent = getPrototypeOf(value)?.name;
    return `[class ${name || "(anonymous)"}${parent ? ` extends ${parent}` : ""}]`;
  }
  const kind = slice(objectTag(value), 8, -1);
  return name === "" ? `[${kind} (anonymous)]` : `[${kind}: ${name}]`;
}

function classOf(value) {
  for (let p = value; p !== null; p = getPrototypeOf(p)) {
    const constructor = getOwnPropertyDescriptor(p, "constructor")?.value;
    if (typeof constructor === "function" && constructor.name !== "") return constructor.name;
  }
  return null;
}

function showObject(value, depth, outer, indent) {
  if (value instanceof Error) return showError(value, depth, outer, indent);
  const name = classOf(value);
  if (isDate(value)) {
    return dateTime(value) === dateTime(value) ? dateISO(value) : "Invalid Date";
  }
  if (objectTag(value) === "[object RegExp]") return regexpText(value);
  const list = isArray(value) || typedTag(value) !== undefined;
  const length = list ? value.length : 0;
  let head = name === null ? "[Object: null prototype] " : name === "Object" ? "" : `${name} `;
  if (isArray(value)) head = name === "Array" ? "" : `${name}(${length}) `;
  else if (list) head = `${name}(${length}) `;
  const map = isMap(value);
  const set = !map && isSet(value);
  if (map) head = `${name}(${mapSize(value)}) `;
  if (set) head = `${name}(${setSize(value)}) `;
  const tag = slice(objectTag(value), 8, -1);
  if (!list && !map && !set && tag !== "Object" && tag !== name && name !== null) {
    head = `${name === "Object" ? "Object" : name} [${tag}] `;
  }
  if (depth < 0) return list ? "[Array]" : `[${name ?? "Object: null prototype"}]`;
  const items = [];
  const add = (text) => {
    items[items.length] = text;
  };
  const sub = (inner) => show(inner, depth - 1, outer, indent + 2);
  if (list) {
    let holes = 0;
    for (let i = 0; i < length && items.length < MAX_ITEMS; i++) {
      if (!(i in value)) {
        holes++;
        continue;
      }
      if (holes > 0) add(holesText(holes));
      holes = 0;
      add(sub(value[i]));
    }
    if (holes > 0) add(holesText(holes));
    if (length > MAX_ITEMS) add(more(length - MAX_ITEMS));
  } else if (map) {
    mapForEach(value, (item, key) => {
      if (items.length < MAX_ITEMS) add(`${sub(key)} => ${sub(item)}`);
    });
    if (mapSize(value) > MAX_ITEMS) add(more(mapSize(value) - MAX_ITEMS));
  } else if (set) {
    setForEach(value, (item) => {
      if (items.length < MAX_ITEMS) add(sub(item));
    });
    if (setSize(value) > MAX_ITEMS) add(more(setSize(value) - MAX_ITEMS));
  } else if (tag === "Promise") {
    add("...");
  }
  showProperties(value, list, add, sub);
  const [open, close] = list ? ["[", "]"] : ["{", "}"];
  return head + layout(open, items, close, indent, list);
}

const holesText = (n) => `<${n} empty item${n === 1 ? "" : "s"}>`;
const more = (n) => `... ${n} more item${n === 1 ? "" : "s"}`;

function showProperties(value, list, add, sub) {
  const keys = ownKeys(value);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (list && (key === "length" || test(/^\d+$/, typeof key === "symbol" ? "" : key))) continue;
    const property = getOwnPropertyDescriptor(value, key);
    if (property === undefined || !property.enumerable) continue;
    const text = property.get !== undefined
      ? (property.set !== undefined ? "[Getter/Setter]" : "[Getter]")
      : property.set !== undefined ? "[Setter]" : sub(property.value);
    add(`${keyText(key)}: ${text}`);
  }
}

function layout(open, items, close, indent, list) {
  if (items.length === 0) return open + close;
  const one = `${open} ${join(items, ", ")} ${close}`;
  if (one.length + indent <= LINE && !includes(one, "\n")) return one;
  const space = repeat(" ", indent + 2);
  if (list && items.length > 6) {
    // Short items share lines.
    let longest = 0;
    for (let i = 0; i < items.length; i++) if (items[i].length > longest) longest = items[i].length;
    if (longest <= 16) {
      const lines = [];
      let line = "";
      for (let i = 0; i < items.length; i++) {
        const item = i + 1 < items.length ? `${items[i]},` : items[i];
        if (line !== "" && line.length + item.length + 1 > LINE) {
          lines[lines.length] = line;
          line = "";
        }
        line += line === "" ? item : ` ${item}`;
      }
      lines[lines.length] = line;
      return `${open}\n${space}${join(lines, `\n${space}`)}\n${repeat(" ", indent)}${close}`;
    }
  }
  return `${open}\n${space}${join(items, `,\n${space}`)}\n${repeat(" ", indent)}${close}`;
}

function showError(value, depth, outer, indent) {
  const { name, message } = value;
  const text = message === "" ? `${name}` : `${name}: ${message}`;
  const items = [];
  showProperties(value, false, (item) => {
    items[items.length] = item;
  }, (inner) => show(inner, depth - 1, outer, indent + 2));
  const cause = getOwnPropertyDescriptor(value, "cause");
  if (cause !== undefined && !cause.enumerable) {
    items[items.length] = `[cause]: ${show(cause.value, depth - 1, outer, indent + 2)}`;
  }
  const shown = items.length === 0 ? text : `${text} ${layout("{", items, "}", indent, false)}`;
  return outer.length > 1 ? `[${shown}]` : shown;
}

/// The line of a call of `console.log`: strings as they are, with `%s` and the like.
function line(words) {
  let first = 0;
  let text = "";
  if (words.length > 1 && typeof words[0] === "string" && includes(words[0], "%")) {
    first = 1;
    text = replace(words[0], /%[sdifjoOc%]/g, (form) => {
      if (form === "%%") return "%";
      if (first >= words.length) return form;
      const word = words[first++];
      switch (form) {
        case "%s": return typeof word === "string" ? word
          : typeof word === "object" && word !== null ? inspect(word, { depth: 0 }) : plain(word);
        case "%d": return typeof word === "object" ? "NaN" : `${Number(word)}`;
        case "%i": return typeof word === "object" ? "NaN" : `${parseInt(word)}`;
        case "%f": return typeof word === "symbol" ? "NaN" : `${parseFloat(word)}`;
        case "%j": return stringify(word);
        case "%c": return "";
        default: return inspect(word, { depth: 4 });
      }
    });
  }
  for (let i = first; i < words.length; i++) {
    if (i > 0) text += " ";
    text += plain(words[i]);
  }
  return text;
}

const plain = (word) => (typeof word === "string" ? word : inspect(word));

module.exports = { inspect, line };
