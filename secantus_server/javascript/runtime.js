// The environment of server-side JavaScript: MongoDB's BSON types, and the functions through which the server runs scripts.
//
// Values cross the border as JSON. Null, booleans, strings and finite doubles are themselves, a document is an object, and everything
// else is an array whose first item names the type: ["i", 5] is an int32, ["a", [...]] an array. `values.py` has the other half.
(function (global) {
  "use strict";

  const INT32_MAX = 2147483647;
  const INT32_MIN = -2147483648;
  const MAX_DEPTH = 200; // as in BSON
  const integers = new WeakMap(); // documents that came from the server -> {field: whether it was an int32}
  const arrays = new WeakMap(); // the same documents -> {field: the array that it held}
  const orders = new WeakMap(); // documents that came with fields such as "1", which JavaScript puts first -> their fields in order
  const originals = new WeakMap(); // regular expressions, functions and dates that JavaScript cannot hold -> what came from the server
  const functions = [];
  const { parse, stringify } = JSON;
  let emitted = [];

  function define(name, constructor, methods) {
    for (const key of Object.keys(methods)) {
      Object.defineProperty(constructor.prototype, key, { value: methods[key], writable: true, configurable: true });
    }
    Object.defineProperty(global, name, { value: constructor, writable: true, configurable: true });
  }

  function hidden(object, key, value) {
    Object.defineProperty(object, key, { value: value, writable: true, configurable: true });
    return object;
  }

  function make(constructor) {
    return Object.create(constructor.prototype);
  }

  function checkHex(text, length, what) {
    if (typeof text !== "string" || text.length !== length || /[^0-9a-fA-F]/.test(text)) {
      throw new Error("invalid " + what + ": " + text);
    }
    return text.toLowerCase();
  }

  function randomHex(length) {
    let text = "";
    while (text.length < length) text += Math.floor(Math.random() * 16).toString(16);
    return text;
  }

  let counter = Math.floor(Math.random() * 0x1000000);
  const machine = randomHex(10);

  function ObjectId(hex) {
    const self = make(ObjectId);
    if (hex === undefined) {
      counter = (counter + 1) % 0x1000000;
      hex = Math.floor(Date.now() / 1000).toString(16).padStart(8, "0") + machine + counter.toString(16).padStart(6, "0");
    } else if (hex instanceof ObjectId) {
      hex = hex.str;
    }
    self.str = checkHex(hex, 24, "object id");
    return self;
  }
  define("ObjectId", ObjectId, {
    toString() { return 'ObjectId("' + this.str + '")'; },
    tojson() { return this.toString(); },
    toJSON() { return { $oid: this.str }; },
    valueOf() { return this.str; },
    toHexString() { return this.str; },
    equals(other) { return other instanceof ObjectId && other.str === this.str; },
    getTimestamp() { return new Date(parseInt(this.str.slice(0, 8), 16) * 1000); },
  });
  global.ObjectID = ObjectId;

  function NumberLong(value) {
    const self = make(NumberLong);
    let number;
    if (value === undefined) number = 0n;
    else if (value instanceof NumberLong) number = value.number;
    else if (typeof value === "string") number = BigInt(value);
    else if (typeof value === "bigint") number = value;
    else number = BigInt(Math.trunc(Number(value)));
    return hidden(self, "number", BigInt.asIntN(64, number));
  }
  define("NumberLong", NumberLong, {
    toNumber() { return Number(this.number); },
    valueOf() { return Number(this.number); },
    toString() {
      const plain = this.number >= BigInt(INT32_MIN) && this.number <= BigInt(INT32_MAX);
      return plain ? "NumberLong(" + this.number + ")" : 'NumberLong("' + this.number + '")';
    },
    tojson() { return this.toString(); },
    toJSON() { return { $numberLong: String(this.number) }; },
    compare(other) {
      const right = NumberLong(other).number;
      return this.number < right ? -1 : this.number > right ? 1 : 0;
    },
  });
  Object.defineProperty(NumberLong.prototype, "floatApprox", { get() { return Number(this.number); } });

  function NumberInt(value) {
    return hidden(make(NumberInt), "number", Number(value === undefined ? 0 : value) | 0);
  }
  define("NumberInt", NumberInt, {
    toNumber() { return this.number; },
    valueOf() { return this.number; },
    toString() { return "NumberInt(" + this.number + ")"; },
    tojson() { return this.toString(); },
    toJSON() { return { $numberInt: String(this.number) }; },
  });

  function NumberDecimal(value) {
    const text = value instanceof NumberDecimal ? value.text : value === undefined ? "0" : String(value);
    if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(inf|infinity|nan)$/i.test(text)) throw new Error("invalid decimal number: " + text);
    return hidden(make(NumberDecimal), "text", text);
  }
  define("NumberDecimal", NumberDecimal, {
    toString() { return 'NumberDecimal("' + this.text + '")'; },
    tojson() { return this.toString(); },
    toJSON() { return { $numberDecimal: this.text }; },
  });

  const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  function hexOf(base64) {
    let bits = 0, buffered = 0, text = "";
    for (const letter of base64.replace(/=+$/, "")) {
      buffered = ((buffered << 6) | BASE64.indexOf(letter)) & 0xffff;
      bits += 6;
      if (bits >= 8) {
        bits -= 8;
        text += ((buffered >> bits) & 255).toString(16).padStart(2, "0");
      }
    }
    return text;
  }

  function base64Of(hex) {
    let text = "";
    for (let at = 0; at < hex.length; at += 6) {
      const part = hex.slice(at, at + 6);
      const bits = parseInt(part.padEnd(6, "0"), 16);
      for (let index = 0; index < 4; index++) {
        text += index <= part.length / 2 ? BASE64[(bits >> (18 - 6 * index)) & 63] : "=";
      }
    }
    return text;
  }

  function BinData(subtype, base64) {
    if (!Number.isInteger(subtype) || subtype < 0 || subtype > 255) throw new Error("BinData subtype must be between 0 and 255");
    if (typeof base64 !== "string" || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw new Error("BinData data must be a base64 string");
    const self = make(BinData);
    self.len = hexOf(base64).length / 2;
    self.type = subtype;
    return hidden(self, "data", base64);
  }
  define("BinData", BinData, {
    base64() { return this.data; },
    hex() { return hexOf(this.data); },
    length() { return this.len; },
    subtype() { return this.type; },
    toString() {
      const hex = hexOf(this.data);
      if (this.type === 4 && hex.length === 32) return 'UUID("' + hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-") + '")';
      return "BinData(" + this.type + ',"' + this.data + '")';
    },
    tojson() { return this.toString(); },
    toJSON() { return { $binary: { base64: this.data, subType: this.type.toString(16).padStart(2, "0") } }; },
  });
  global.HexData = (subtype, hex) => BinData(subtype, base64Of(checkHex(hex, hex.length, "hex string")));
  global.UUID = (text) => {
    const variant = "89ab"[Math.floor(Math.random() * 4)];
    const hex = text === undefined ? randomHex(12) + "4" + randomHex(3) + variant + randomHex(15) : text.replace(/-/g, "");
    return BinData(4, base64Of(checkHex(hex, 32, "UUID")));
  };
  global.MD5 = (hex) => BinData(5, base64Of(checkHex(hex, 32, "MD5 string")));

  function Timestamp(time, increment) {
    const self = make(Timestamp);
    self.t = Number(time === undefined ? 0 : time);
    self.i = Number(increment === undefined ? 0 : increment);
    for (const part of [self.t, self.i]) {
      if (!Number.isInteger(part) || part < 0 || part > 4294967295) throw new Error("Timestamp parts must be between 0 and 4294967295");
    }
    return self;
  }
  define("Timestamp", Timestamp, {
    getTime() { return this.t; },
    getInc() { return this.i; },
    toString() { return "Timestamp(" + this.t + ", " + this.i + ")"; },
    tojson() { return this.toString(); },
    toJSON() { return { $timestamp: { t: this.t, i: this.i } }; },
  });

  function MinKey() { return MinKey.only; }
  define("MinKey", MinKey, {
    toString() { return '{ "$minKey" : 1 }'; },
    tojson() { return this.toString(); },
    toJSON() { return { $minKey: 1 }; },
  });
  MinKey.only = make(MinKey);

  function MaxKey() { return MaxKey.only; }
  define("MaxKey", MaxKey, {
    toString() { return '{ "$maxKey" : 1 }'; },
    tojson() { return this.toString(); },
    toJSON() { return { $maxKey: 1 }; },
  });
  MaxKey.only = make(MaxKey);

  function Code(code, scope) {
    const self = make(Code);
    self.code = String(code);
    if (scope !== undefined) self.scope = scope;
    return self;
  }
  define("Code", Code, {
    toString() { return "Code(" + JSON.stringify(this.code) + ")"; },
    tojson() { return this.toString(); },
  });

  function DBPointer(namespace, id) {
    const self = make(DBPointer);
    self.ns = String(namespace);
    self.id = ObjectId(id);
    return self;
  }
  define("DBPointer", DBPointer, {
    getNs() { return this.ns; },
    getId() { return this.id; },
    toString() { return 'DBPointer("' + this.ns + '", ' + this.id + ")"; },
  });

  // A reference is a plain document, as the server stores it.
  global.DBRef = function (collection, id, database) {
    const reference = { $ref: collection, $id: id };
    if (database !== undefined) reference.$db = database;
    return reference;
  };

  global.ISODate = (text) => {
    if (text === undefined) return new Date();
    const parts =
      /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ]?(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d+))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/.exec(text);
    if (parts === null) throw new Error("invalid ISO date: " + text);
    const number = (index) => Number(parts[index] || 0);
    let time = Date.UTC(number(1), number(2) - 1, number(3), number(4), number(5), number(6));
    time += Math.floor(Number("0." + (parts[7] || "0")) * 1000 + 1e-6);
    if (parts[8] && parts[8] !== "Z") {
      const minutes = Number(parts[8].slice(1, 3)) * 60 + Number(parts[8].slice(3).replace(":", "") || 0);
      time -= (parts[8][0] === "-" ? -minutes : minutes) * 60000;
    }
    return new Date(time);
  };

  global.tojson = (value, indent, oneLine) => tojson(value, oneLine ? null : indent || "", 0);
  global.tojsononeline = (value) => tojson(value, null, 0);
  global.print = () => undefined;
  global.printjson = () => undefined;
  global.isNumber = (value) => typeof value === "number" || value instanceof NumberLong || value instanceof NumberInt;
  global.isString = (value) => typeof value === "string";
  global.isObject = (value) => typeof value === "object";
  global.sleep = (ms) => {
    const ends = realNow() + Number(ms);
    while (realNow() < ends);
  };

  // The functions of MongoDB's own on arrays and objects.
  const helpers = {
    contains: (array, value) => array.some((item) => item == value),
    unique: (array) => array.filter((item, index) => array.findIndex((other) => tojson(other, null, 0) === tojson(item, null, 0)) === index),
    sum: (array) => (array.length === 0 ? null : array.reduce((total, item) => total + item)),
    avg: (array) => (array.length === 0 ? null : helpers.sum(array) / array.length),
    stdDev: (array) => {
      const mean = helpers.avg(array);
      return Math.sqrt(array.reduce((total, item) => total + (item - mean) ** 2, 0) / array.length);
    },
  };
  for (const name of Object.keys(helpers)) hidden(Array, name, helpers[name]);
  hidden(Object, "keySet", (object) => Object.keys(object));
  hidden(Object, "extend", (target, source) => Object.assign(target, source));

  function tojson(value, indent, depth) {
    if (depth > MAX_DEPTH) throw new Error("cyclic object value");
    if (value === undefined) return "undefined";
    if (value === null || typeof value === "boolean" || typeof value === "number") return String(value);
    if (typeof value === "string") return JSON.stringify(value);
    if (value instanceof Date) return isNaN(value) ? 'new Date("invalid")' : 'ISODate("' + value.toISOString().replace(".000Z", "Z") + '")';
    if (typeof value === "function" || value instanceof RegExp) return String(value);
    if (typeof value.tojson === "function") return value.tojson(indent);
    const inner = indent === null ? null : indent + "\t";
    const items = Array.isArray(value)
      ? Array.from(value, (item) => tojson(item, inner, depth + 1))
      : Object.keys(value).map((key) => JSON.stringify(key) + " : " + tojson(value[key], inner, depth + 1));
    const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
    if (items.length === 0) return Array.isArray(value) ? "[ ]" : "{ }";
    if (indent === null) return open + "  " + items.join(",  ") + "  " + close;
    return open + "\n" + items.map((item) => inner + item).join(",\n") + "\n" + indent + close;
  }

  const realNow = Date.now;

  function shiftClock(offset) {
    const System = Date;
    const now = () => realNow() + offset;
    global.Date = new Proxy(System, {
      construct: (target, args, created) => Reflect.construct(target, args.length ? args : [now()], created),
      apply: () => new System(now()).toString(),
      get: (target, key) => (key === "now" ? now : target[key]),
    });
    System.prototype.constructor = global.Date;
  }

  // From the server.

  function revive(value) {
    if (value === null || typeof value !== "object") return value;
    return Array.isArray(value) ? reviveTyped(value) : reviveDocument(value);
  }

  function set(object, key, value) {
    if (key === "__proto__") Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
    else object[key] = value;
  }

  function reviveDocument(document) {
    let ints = null, held = null;
    for (const key of Object.keys(document)) {
      const value = document[key];
      if (value === null || typeof value !== "object") continue;
      const found = revive(value);
      set(document, key, found);
      if (typeof found === "number") {
        if (value[0] === "i") (ints = ints || Object.create(null))[key] = true;
      } else if (Array.isArray(found)) {
        (held = held || Object.create(null))[key] = found;
      }
    }
    if (ints !== null) integers.set(document, ints);
    if (held !== null) arrays.set(document, held);
    return document;
  }

  function reviveOrdered(keys, values) {
    const document = {};
    keys.forEach((key, index) => set(document, key, values[index]));
    orders.set(document, keys);
    return reviveDocument(document);
  }

  function reviveOriginal(made, value) {
    originals.set(made, value);
    return made;
  }

  function reviveArray(items) {
    const found = items.map(revive);
    if (items.some(isInteger)) integers.set(found, items.map(isInteger));
    return found;
  }

  function isInteger(item) {
    return Array.isArray(item) && item[0] === "i";
  }

  function reviveTyped(value) {
    switch (value[0]) {
      case "i": return value[1];
      case "a": return reviveArray(value[1]);
      case "f": return Number(value[1]);
      case "o": return ObjectId(value[1]);
      case "t": return typeof value[1] === "string" ? reviveOriginal(new Date(NaN), value) : new Date(value[1]);
      case "k": return reviveOrdered(value[1], value[2]);
      case "l": return NumberLong(value[1]);
      case "d": return NumberDecimal(value[1]);
      case "b": return BinData(value[1], value[2]);
      case "r": return reviveOriginal(regularExpression(value[1], value[2]), value);
      case "T": return Timestamp(value[1], value[2]);
      case "m": return MinKey.only;
      case "M": return MaxKey.only;
      case "u": return undefined;
      case "c": return value[2] === null ? reviveOriginal(reviveCode(value[1]), value) : Code(value[1], revive(value[2]));
      case "p": return DBPointer(value[1], value[2]);
    }
    throw new Error("unknown type " + value[0]);
  }

  function reviveCode(source) {
    try {
      return compile(source);
    } catch (error) {
      return Code(source);
    }
  }

  function regularExpression(pattern, options) {
    try {
      return new RegExp(pattern, options.replace(/[^ims]/g, ""));
    } catch (error) {
      return new RegExp(pattern.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    }
  }

  // To the server.

  function dump(value, depth, keepsIntegers, wasInteger) {
    switch (typeof value) {
      case "string": return value.isWellFormed() ? value : value.toWellFormed();
      case "boolean": return value;
      case "undefined": return ["u"];
      case "number":
        if (!Number.isFinite(value)) return ["f", String(value)];
        if (wasInteger && Number.isInteger(value) && value >= INT32_MIN && value <= INT32_MAX) return ["i", value];
        return Object.is(value, -0) ? ["f", "-0"] : value;
      case "function": return originals.get(value) || ["c", functionText.call(value), null];
      case "object": return value === null ? null : dumpObject(value, depth + 1, keepsIntegers);
    }
    throw new TypeError("a " + typeof value + " cannot be converted to BSON");
  }

  function dumpObject(value, depth, keepsIntegers) {
    if (depth > MAX_DEPTH) throw new Error("nesting too deep: a cyclic object cannot be converted to BSON");
    if (Array.isArray(value)) {
      const ints = keepsIntegers ? integers.get(value) : undefined;
      return ["a", Array.from(value, (item, index) => dump(item, depth, keepsIntegers, ints !== undefined && ints[index]))];
    }
    if (value instanceof ObjectId) return ["o", value.str];
    if (value instanceof Date) return isNaN(value) ? originals.get(value) || ["t", null] : ["t", value.getTime()];
    if (value instanceof NumberLong) return ["l", String(value.number)];
    if (value instanceof NumberInt) return ["i", value.number];
    if (value instanceof NumberDecimal) return ["d", value.text];
    if (value instanceof BinData) return ["b", value.type, value.data];
    if (value instanceof RegExp) return originals.get(value) || ["r", value.source.replace(/\0/g, "\\0"), value.flags.replace(/[^ims]/g, "")];
    if (value instanceof Timestamp) return ["T", value.t, value.i];
    if (value instanceof MinKey) return ["m"];
    if (value instanceof MaxKey) return ["M"];
    if (value instanceof Code) return ["c", value.code, value.scope === undefined ? null : dump(value.scope, depth)];
    if (value instanceof DBPointer) return ["p", value.ns, value.id.str];
    if (value instanceof Number || value instanceof String || value instanceof Boolean) return dump(value.valueOf(), depth);
    return dumpDocument(value, depth);
  }

  function dumpDocument(value, depth) {
    const order = orders.get(value);
    const found = {};
    const ints = integers.get(value);
    const held = arrays.get(value);
    for (const key in value) {
      const item = value[key];
      if (typeof item === "function" && !Object.prototype.hasOwnProperty.call(value, key)) continue;
      const keeps = held !== undefined && held[key] === item;
      if (key.includes("\0")) throw new Error("a field name cannot contain a null byte");
      set(found, key.isWellFormed() ? key : key.toWellFormed(), dump(item, depth, keeps, ints !== undefined && ints[key] === true));
    }
    if (order === undefined) return found;
    const left = new Set(Object.keys(found));
    const keys = [...order.filter((key) => left.delete(key)), ...left];
    return ["k", keys, keys.map((key) => found[key])];
  }

  // Functions. A script is a function, an expression, or statements.

  const { toString: functionText } = Function.prototype;
  const BLANK = "\\s|\\/\\*[^]*?\\*\\/|\\/\\/[^\\n]*(?:\\n|$)";
  const MARGIN = new RegExp(`^(?:${BLANK})+|[\\s;]+$`, "g");
  const BEFORE_FUNCTION = new RegExp(`^(?:${BLANK}|\\()*$`);
  const AFTER_FUNCTION = new RegExp(`^(?:${BLANK}|[;)])*$`);
  const FUNCTION_HEAD = new RegExp(`^(?:${BLANK}|\\()*(?:(?:async\\s+)?function\\b|(?:async\\s*)?(?:\\([^()]*\\)|[\\w$]+)\\s*=>)`);

  function compile(source) {
    const text = source.replace(MARGIN, "");
    const inParentheses = attempt("return (" + text + "\n)");
    if (inParentheses !== null) return writtenFunction(text, inParentheses) || inParentheses;
    if (/^function\s+[\w$]+/.test(text) && attempt(text) !== null) {
      const named = attempt(text + "\nreturn " + /^function\s+([\w$]+)/.exec(text)[1]);
      if (named !== null) return named.call(global);
    }
    // Statements without a return have the value of the last expression.
    if (attempt("class Script { static {" + text + "\n} }") !== null) {
      const evaluated = global.Function("source", "obj", "return eval(source)");
      return function (argument) { return evaluated.call(this, text, argument === undefined ? global.obj : argument); };
    }
    return global.Function(text);
  }

  function attempt(body) {
    try {
      return global.Function(body);
    } catch (error) {
      if (error instanceof SyntaxError) return null;
      throw error;
    }
  }

  // Return the function that a text consists of, perhaps in parentheses; null for another expression, such as the call of a function.
  function writtenFunction(text, evaluate) {
    if (!FUNCTION_HEAD.test(text)) return null;
    let value;
    try {
      value = evaluate.call(global);
    } catch (error) {
      return null;
    }
    if (typeof value !== "function") return null;
    const written = functionText.call(value);
    const start = text.indexOf(written);
    const isWhole = BEFORE_FUNCTION.test(text.slice(0, start)) && AFTER_FUNCTION.test(text.slice(start + written.length));
    return start >= 0 && isWhole ? value : null;
  }

  function failure(error) {
    try {
      return error instanceof Error ? [1, String(error.name), String(error.message)] : [1, "", String(error)];
    } catch (other) {
      return [1, "", "an object without a text"];
    }
  }

  function guarded(run) {
    return (...args) => {
      try {
        return stringify([0, run(...args)]);
      } catch (error) {
        return stringify(failure(error));
      }
    };
  }

  function emit(...args) {
    if (args.length !== 2) throw new Error("emit takes 2 args");
    emitted.push([args[0] === undefined ? null : dump(args[0], 0), dump(args[1], 0)]);
  }

  const entries = {
    shiftClock: (offset) => shiftClock(offset),
    setGlobals(text) {
      const scope = revive(parse(text));
      for (const key of Object.keys(scope)) global[key] = scope[key];
      return null;
    },
    compile(text) {
      functions.push(compile(parse(text)));
      return functions.length - 1;
    },
    call(id, text) {
      const args = parse(text).map(revive);
      const self = args.shift();
      return dump(functions[id].apply(self === null ? undefined : self, args), 0);
    },
    test(id, text) {
      const document = revive(parse(text));
      global.obj = document;
      return Boolean(functions[id].call(document));
    },
    map(id, text) {
      emitted = [];
      global.emit = emit;
      for (const item of parse(text)) functions[id].call(revive(item));
      const found = emitted;
      emitted = [];
      return found;
    },
    fold(id, text) {
      const [start, ...batch] = parse(text);
      let state = revive(start);
      for (const args of batch) state = functions[id].call(undefined, state, ...args.map(revive));
      return dump(state, 0);
    },
  };

  delete global.console;
  global.__entries = Object.fromEntries(Object.entries(entries).map(([name, run]) => [name, guarded(run)]));
})(globalThis);
