import { isMainThread } from "node:worker_threads";
import { serveJobs } from "./jobs";
import { watchLifeline } from "./lifeline";

/** The inference worker's process: its main thread computes, a second one watches over the server's life. */
if (isMainThread) serveJobs();
else watchLifeline();
