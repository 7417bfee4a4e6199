/** @file The browser client of the Charla chat server. */
export { Charla } from "./client.js";
export { CharlaError } from "./error.js";
