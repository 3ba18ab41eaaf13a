// verdict: error
// error: not available in this sandbox: modules of node
const fs = require("fs");
