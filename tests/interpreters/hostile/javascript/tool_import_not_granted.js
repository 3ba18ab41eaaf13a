// verdict: error
// error: no export `search`
import { search } from "tools";
search("x");
