/** A moment as the clock's registers hold it, in plain binary, hours 0 to 23, Sunday = 1. */
export interface CalendarFields {
  second: number;
  minute: number;
  hour: number;
  weekday: number;
  day: number;
  month: number;
  year: number;
}

/** How register B says that the clock shows its numbers. */
export interface RegisterFormat {
  readonly binary: boolean;
  readonly hours24: boolean;
}

/** An alarm; null matches every value. */
export interface AlarmTime {
  readonly second: number | null;
  readonly minute: number | null;
  readonly hour: number | null;
}

const SECONDS_PER_DAY = 86_400;
const PM = 0x80;

/** Splits seconds since 1970 (UTC) into fields. */
export function calendarFromSeconds(seconds: number): CalendarFields {
  const date = new Date(seconds * 1000);
  return {
    second: date.getUTCSeconds(),
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    weekday: date.getUTCDay() + 1,
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    year: date.getUTCFullYear(),
  };
}

/** Seconds since 1970 of the fields; days and months that don't exist run over into the next. */
export function secondsFromCalendar(fields: CalendarFields): number {
  return Date.UTC(fields.year, fields.month - 1, fields.day, fields.hour, fields.minute, fields.second) / 1000;
}

/** Encodes a number other than the hour for a register. */
export function encodeField(value: number, format: RegisterFormat): number {
  return format.binary ? value : (Math.floor(value / 10) << 4) | (value % 10);
}

/** Decodes a register other than the hour. */
export function decodeField(raw: number, format: RegisterFormat): number {
  return format.binary ? raw : (raw >> 4) * 10 + (raw & 15);
}

/** Encodes an hour of 0 to 23, for 24 or 12 hours. */
export function encodeHour(hour: number, format: RegisterFormat): number {
  if (format.hours24) return encodeField(hour, format);
  return encodeField(hour % 12 === 0 ? 12 : hour % 12, format) | (hour >= 12 ? PM : 0);
}

/** Decodes an hour register to 0 to 23. */
export function decodeHour(raw: number, format: RegisterFormat): number {
  if (format.hours24) return decodeField(raw, format);
  return (decodeField(raw & ~PM, format) % 12) + (raw & PM ? 12 : 0);
}

/** The first second after `seconds` that the alarm matches, or null when there is none. */
export function nextAlarm(alarm: AlarmTime, seconds: number): number | null {
  const matches = (wanted: number | null, value: number): boolean => wanted === null || wanted === value;
  const end = seconds + SECONDS_PER_DAY;
  let at = seconds + 1;
  while (at <= end) {
    const ofDay = ((at % SECONDS_PER_DAY) + SECONDS_PER_DAY) % SECONDS_PER_DAY;
    if (!matches(alarm.hour, Math.floor(ofDay / 3600))) at += 3600 - (ofDay % 3600);
    else if (!matches(alarm.minute, Math.floor(ofDay / 60) % 60)) at += 60 - (ofDay % 60);
    else if (!matches(alarm.second, ofDay % 60)) at += 1;
    else return at;
  }
  return null;
}
