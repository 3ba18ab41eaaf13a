// verdict: error
// error: not available in this sandbox: module `fs`
import fs from "fs";
fs.readFileSync("/etc/passwd");
