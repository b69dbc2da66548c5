-- One database, one population. Instants are seconds since 1970; codes are rows of the tables in data/.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE person (
  id INTEGER PRIMARY KEY, national_id TEXT NOT NULL, title TEXT NOT NULL, surname TEXT NOT NULL,
  given TEXT NOT NULL, surname_key TEXT NOT NULL, cn_key TEXT NOT NULL, profession INTEGER NOT NULL,
  category TEXT NOT NULL, specialty INTEGER NOT NULL, department INTEGER NOT NULL,
  updated INTEGER NOT NULL, version INTEGER NOT NULL);
CREATE TABLE structure (
  id INTEGER PRIMARY KEY, national_id TEXT NOT NULL, kind TEXT NOT NULL, parent INTEGER,
  siret TEXT NOT NULL, name TEXT NOT NULL, sign TEXT NOT NULL, name_key TEXT NOT NULL,
  sector INTEGER NOT NULL, department INTEGER NOT NULL, number INTEGER NOT NULL,
  street INTEGER NOT NULL, phone TEXT NOT NULL, updated INTEGER NOT NULL, version INTEGER NOT NULL);
CREATE TABLE activity (
  id INTEGER PRIMARY KEY, person INTEGER NOT NULL, structure INTEGER NOT NULL, mode TEXT NOT NULL,
  updated INTEGER NOT NULL, version INTEGER NOT NULL);
CREATE TABLE domain (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, operator TEXT NOT NULL,
  removed INTEGER NOT NULL DEFAULT 0, last_traffic INTEGER NOT NULL DEFAULT 0);
CREATE TABLE mailbox (
  id INTEGER PRIMARY KEY, address TEXT NOT NULL, type INTEGER NOT NULL, domain INTEGER NOT NULL,
  person INTEGER, activity INTEGER, structure INTEGER, service TEXT NOT NULL,
  description TEXT NOT NULL, responsible TEXT NOT NULL, red INTEGER NOT NULL, demat INTEGER NOT NULL,
  rank INTEGER NOT NULL, created INTEGER NOT NULL, deleted INTEGER NOT NULL);
CREATE TABLE holder (mailbox INTEGER NOT NULL, person INTEGER NOT NULL,
  PRIMARY KEY (mailbox, person)) WITHOUT ROWID;
CREATE TABLE departed (
  person INTEGER PRIMARY KEY, at INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE history (
  id INTEGER PRIMARY KEY, bearer TEXT NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL,
  actor TEXT NOT NULL, change TEXT NOT NULL);
