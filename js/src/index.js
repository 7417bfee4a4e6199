/** @file The browser client of the Charla chat server. */
export { CAUSES } from "./causes.js";
export { Charla } from "./client.js";
export { problemOfClose } from "./closes.js";
export { CharlaError } from "./error.js";
export { deadline, machine, POLICY, step } from "./machine.js";
