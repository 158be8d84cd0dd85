import { runCommandLine } from "./cli/program";

process.exitCode = 1;
void runCommandLine(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
