// The local time of scripts is UTC, whatever the host's time zone, as in MongoDB 9.0.
// https://www.mongodb.com/docs/manual/release-notes/9.0-compatibility/
(function (global) {
  "use strict";

  const System = Date;
  const { prototype, UTC } = System;
  const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const ISO_DAY = /^\s*[+-]?\d{4,6}(?:-\d{2}){0,2}\s*$/; // always UTC
  const ISO_TIME = /^\s*[+-]?\d{4,6}(?:-\d{2}){0,2}[Tt]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*$/;
  const NAMED_ZONE = /(?:Z|UTC?|GMT|[ECMP][SD]T)\s*(?:\([^)]*\))?\s*$/i;
  const OFFSET = /:\d{2}(?:[.,]\d+)?\s*(?:[AP]M)?\s*(?:UTC?|GMT)?\s*[+-]\d{1,2}/i;

  function define(object, name, value) {
    Object.defineProperty(object, name, { value, writable: true, configurable: true });
  }

  const pad = (number, length = 2) => String(number).padStart(length, "0");

  function dayText(date) {
    const year = date.getUTCFullYear();
    const yearText = year < 0 ? "-" + pad(-year, 4) : pad(year, 4);
    return `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${pad(date.getUTCDate())} ${yearText}`;
  }

  const timeText = (date) => `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}:${pad(date.getUTCSeconds())} GMT+0000`;

  const localDay = (date) => `${pad(date.getUTCMonth() + 1)}/${pad(date.getUTCDate())}/${pad(date.getUTCFullYear(), 4)}`;

  function localTime(date) {
    const hours = date.getUTCHours();
    return `${pad(hours % 12 || 12)}:${pad(date.getUTCMinutes())}:${pad(date.getUTCSeconds())} ${hours < 12 ? "AM" : "PM"}`;
  }

  const texts = {
    toString: (date) => `${dayText(date)} ${timeText(date)}`,
    toDateString: dayText,
    toTimeString: timeText,
    toLocaleString: (date) => `${localDay(date)}, ${localTime(date)}`,
    toLocaleDateString: localDay,
    toLocaleTimeString: localTime,
  };
  for (const name of Object.keys(texts)) {
    const methods = { [name]() { return isNaN(prototype.getTime.call(this)) ? "Invalid Date" : texts[name](this); } };
    define(prototype, name, methods[name]);
  }

  for (const part of ["FullYear", "Month", "Date", "Hours", "Minutes", "Seconds", "Milliseconds", "Day"]) {
    for (const access of ["get", "set"]) {
      const universal = prototype[`${access}UTC${part}`];
      if (universal === undefined) continue; // the day of the week cannot be set
      const methods = { [access + part](...args) { return universal.apply(this, args); } };
      define(prototype, access + part, methods[access + part]);
    }
  }
  const others = {
    getTimezoneOffset() { return prototype.getTime.call(this) * 0; },
    getYear() { return this.getUTCFullYear() - 1900; },
    setYear(year) { return isNaN(year) ? this.setTime(NaN) : this.setUTCFullYear(year >= 0 && year <= 99 ? 1900 + Math.trunc(year) : year); },
  };
  for (const name of Object.keys(others)) define(prototype, name, others[name]);

  function parse(value) {
    const text = String(value);
    if (ISO_DAY.test(text) || NAMED_ZONE.test(text) || OFFSET.test(text)) return System.parse(text);
    return System.parse(ISO_TIME.test(text) ? text.trim() + "Z" : text + " UTC");
  }

  function timeOf(args) {
    if (args.length > 1) return [UTC(...args)];
    return args.length === 1 && (typeof args[0] === "string" || args[0] instanceof String) ? [parse(args[0])] : args;
  }

  const Universal = new Proxy(System, {
    construct: (target, args, created) => Reflect.construct(target, timeOf(args), created),
    apply: () => new System().toString(),
    get: (target, key) => (key === "parse" ? parse : target[key]),
  });
  define(prototype, "constructor", Universal);
  define(global, "Date", Universal);
})(globalThis);
