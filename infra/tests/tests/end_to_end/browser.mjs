// Drives a real browser through the documentation page: `node browser.mjs <base-url> <chromium>`, in a directory whose
// node_modules has puppeteer-core and axe-core. Prints a line for each check, and ends with a sentence at the first failure.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [base, executablePath] = process.argv.slice(2);
const require = createRequire(join(process.cwd(), "package.json"));
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const PHONE = { width: 360, height: 740 };
const DESK = { width: 1440, height: 900 };
const PHRASE = `walk-${Math.random().toString(36).slice(2)}-through`;
const email = `reader-${Date.now()}-${Math.random().toString(36).slice(2)}@example.com`;

const ensure = (fact, sentence) => {
  if (!fact) throw new Error(sentence);
};
const passed = what => console.log(`ok: ${what}`);

const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-background-networking"] });
const page = await browser.newPage();
const origin = new URL(base).origin;
const complaints = [];
const tokens = new Set();

/** Notes whatever the page must not do. */
const watch = async () => {
  page.on("pageerror", error => complaints.push(`an error in the page: ${error.message}`));
  page.on("request", request => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("data:")) complaints.push(`a request to ${url}`);
  });
  page.on("console", message => {
    // The browser itself reports each status above 399, and each loss of the network, that a check provokes.
    if (!/^Failed to load resource: (the server responded with a status of 4|net::ERR_INTERNET_DISCONNECTED)/.test(message.text())) complaints.push(`on the console: ${message.text()}`);
  });
  page.on("response", async response => {
    if (!/\/api\/auth\/(login|register)$/.test(response.url()) || !response.ok()) return;
    tokens.add(JSON.parse(await response.text()).token);
  });
  await page.exposeFunction("violated", directive => complaints.push(`a violation of the policy: ${directive}`));
  await page.evaluateOnNewDocument(() =>
    document.addEventListener("securitypolicyviolation", event => window.violated(`${event.violatedDirective} ${event.blockedURI}`)));
};

const open = async () => {
  const response = await page.goto(`${base}/api/docs`);
  ensure(response.status() === 200, `GET ${base}/api/docs has the status ${response.status()}, not 200.`);
  await page.waitForSelector("article").catch(() => ensure(false, "The page shows no operation."));
};

/** Waits until the function is true in the page. */
const until = (what, condition, ...values) =>
  page.waitForFunction(condition, { timeout: 15_000 }, ...values).catch(() => ensure(false, `In 15 seconds the page did not show ${what}.`));

const type = async (selector, text) => {
  await page.$eval(selector, field => (field.value = ""));
  await page.type(selector, text);
};
const press = selector => page.$eval(selector, element => element.click());

/** Chooses a way to sign in, and fills in its fields. */
const authenticate = async (mode, fields) => {
  await press(`#auth [value=${mode}]`);
  for (const [name, value] of Object.entries(fields)) await type(`#auth [name=${name}]`, value);
  await press("#auth button");
};

/** Sends an operation from its form. Gives what the page shows of the response. */
const send = async (operation, body) => {
  const form = `#try-${operation}`;
  if (body !== undefined) {
    await page.$eval(`${form} textarea`, (field, text) => {
      field.value = text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }, body);
  }
  await press(`${form} button`);
  await until(`a status for ${operation}`, form => /^\d{3} /.test(document.querySelector(`${form} [role=status]`).textContent), form);
  return page.$eval(form, form => ({
    status: parseInt(form.querySelector("[role=status]").textContent, 10),
    text: form.querySelector("pre")?.textContent ?? "",
  }));
};

const accessible = async where => {
  const { violations } = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ["violations"] })`);
  for (const { impact, id, help, nodes } of violations) {
    const sentence = `${where}: axe finds ${id} (${impact}): ${help}, at ${nodes[0].target} and ${nodes.length - 1} more places.`;
    ensure(!["serious", "critical"].includes(impact), sentence);
    console.log(`note: ${sentence}`);
  }
};

const looks = async what => {
  for (const theme of ["light", "dark"]) {
    for (const size of [DESK, PHONE]) {
      await page.setViewport(size);
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }, { name: "prefers-reduced-motion", value: "reduce" }]);
      const where = `${what}, ${theme}, ${size.width} pixels wide`;
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      ensure(wide <= 0, `${where}: the page is ${wide} pixels too wide.`);
      await accessible(where);
    }
  }
  await page.setViewport(DESK);
  passed(`${what}: nothing serious in light and dark, wide and narrow, and no scrolling sideways`);
};

const keepsTokens = async () => {
  ensure(tokens.size > 0, "No response held a token.");
  const places = await page.evaluate(async () => [document.documentElement.outerHTML, JSON.stringify(localStorage), JSON.stringify(sessionStorage),
    document.cookie, location.href, document.title, JSON.stringify((await indexedDB.databases()).map(each => each.name)), JSON.stringify(history.state)]);
  places.push(JSON.stringify(await browser.cookies()));
  const kept = token => places.findIndex(place => place.includes(token) || place.includes(token.split(".").at(-1)));
  for (const token of tokens) ensure(kept(token) < 0, `The token is in place ${kept(token)} of: document, local storage, session storage, cookies, address, title, databases, history, all cookies.`);
  ensure(!places[0].includes(PHRASE), "The password is in the document.");
  const fields = await page.$$eval("input, textarea", fields => fields.map(field => field.value).join("\n"));
  ensure(!fields.includes(PHRASE), "The password is still in a field.");
};

const quiet = () => ensure(complaints.length === 0, `The page caused ${complaints[0]}.`);

const keyboard = async () => {
  const stops = [];
  while (stops.length < 80 && !stops.includes("auth")) {
    await page.keyboard.press("Tab");
    stops.push(await page.evaluate(() => {
      const { activeElement: at } = document;
      return at.className === "skip" ? "skip" : at.form?.id ?? at.tagName;
    }));
  }
  ensure(stops[0] === "skip", "The first Tab does not reach the skip link.");
  ensure(stops.includes("auth"), `${stops.length} Tabs do not reach the form to sign in.`);
  await page.focus(".skip");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  ensure(await page.evaluate(() => document.activeElement.form?.id === "auth"), "Behind the skip link, Tab does not reach the form to sign in.");
  passed("Tab reaches the skip link, and from there the form to sign in");
};

const menu = async () => {
  await page.setViewport(PHONE);
  const visible = () => page.$eval("#nav", nav => nav.checkVisibility());
  ensure(!(await visible()), "On a phone the navigation lies in the way.");
  await page.click("[popovertarget=nav]");
  ensure(await visible(), "On a phone the button does not open the navigation.");
  await page.click("#nav li a");
  ensure(!(await visible()), "On a phone the navigation stays open after a choice.");
  await page.setViewport(DESK);
  passed("on a phone a button opens the navigation, and a choice closes it");
};

const registers = async () => {
  await authenticate("register", { name: "", email, password: "short" });
  await until("what is wrong with the fields", () => document.querySelectorAll("#auth [aria-invalid=true]").length > 0);
  const wrong = await page.$$eval("#auth [aria-invalid=true]", fields => fields.map(field => `${field.name} ${field.nextSibling.textContent}`));
  ensure(wrong.length === 2 && wrong.every(each => /^(name|password) \w+/.test(each)), `The wrong fields of a registration are shown as: ${wrong}.`);
  await authenticate("register", { name: "Jane Reader", email, password: PHRASE });
  await until("who has registered", email => document.getElementById("user").textContent.includes(email), email);
  passed("a registration shows what is wrong beside the fields, then who is signed in");
};

const worksWithRecords = async () => {
  const next = await page.$$eval("#user a", links => links.map(link => link.getAttribute("href")));
  ensure(next.includes("#try-createPatient") && next.includes("#try-listPatients"), `After signing in the page leads to ${next}.`);
  const made = await send("createPatient");
  ensure(made.status === 201, `Adding the patient of the example has the status ${made.status}: ${made.text}`);
  const id = made.text.match(/"id": (\d+)/)[1];
  const offered = await page.$eval("#try-readPatient input", field => field.value);
  ensure(offered === id, `The new patient has the id ${id}, but the path holds ${offered}.`);
  const curl = await page.$eval("#readPatient .curl pre", pre => pre.textContent);
  ensure(curl.includes(`${base}/api/patients/${id}`) && curl.includes("$TOKEN"), `The command for curl is: ${curl}`);
  const list = await send("listPatients");
  ensure(list.status === 200 && list.text.includes(`"id": ${id},`), `The new patient is not in the list: ${list.text}`);
  const one = await send("readPatient");
  ensure(one.status === 200, `Reading the new patient has the status ${one.status}.`);
  passed("a patient is added with the example, is in the list, and its id stands in the paths");

  const bad = await send("createPatient", '{"name":"","dob":"1990-02-30","gender":"female"}');
  ensure(bad.status === 400 && bad.text.includes('"field": "name"') && bad.text.includes('"field": "dob"'), `A body with wrong fields gives ${bad.status}: ${bad.text}`);
  const broken = await send("createPatient", "{");
  ensure(broken.status === 400, `A body that is not JSON gives ${broken.status}.`);
  const gone = await send("deletePatient");
  ensure(gone.status === 200, `Deleting the patient has the status ${gone.status}.`);
  ensure((await send("readPatient")).status === 404, "The deleted patient can still be read.");
  passed("wrong bodies are sent as they are, and their errors are shown; a deletion works");
};

const signsOutAndIn = async () => {
  await press("#user button");
  await until("the form to sign in again", () => document.getElementById("auth").checkVisibility());
  const [token] = tokens;
  const status = await page.evaluate(async (url, token) => (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status, `${base}/api/auth/me`, token);
  ensure(status === 401, `After signing out, the API still accepts the token: ${status}.`);
  ensure((await send("listPatients")).status === 401, "After signing out, the page still sends a token.");
  passed("signing out ends the session");

  await authenticate("login", { email, password: `${PHRASE}!` });
  await until("that the password is wrong", () => /password/i.test(document.querySelector("#auth [role=status]").textContent));
  const login = await send("login", JSON.stringify({ email, password: PHRASE }));
  ensure(login.status === 200 && login.text === '{\n  "token": "…"\n}', `The response of a login is shown as: ${login.text}`);
  await until("who has signed in", email => document.getElementById("user").textContent.includes(email), email);
  ensure((await send("listPatients")).status === 200, "After signing in, the list cannot be read.");
  passed("a wrong password is refused, and the response of a login hides its token");
};

const pastesToken = async () => {
  await open();
  ensure(await page.$eval("#auth", form => form.checkVisibility()), "After a reload the page still knows the token.");
  await authenticate("token", { token: [...tokens].at(-1) });
  await until("that a token is in use", () => document.getElementById("user").textContent.includes("Signed in"));
  ensure((await send("listPatients")).status === 200, "With a pasted token, the list cannot be read.");
  passed("a reload forgets the token, and a pasted one is used");
};

const losesNetwork = async () => {
  await page.setOfflineMode(true);
  await press("#try-listPatients button");
  await until("a sentence about the lost network", () => document.querySelector("#try-listPatients [role=status]").textContent.startsWith("No response"));
  await page.setOfflineMode(false);
  ensure((await send("listPatients")).status === 200, "After the network has come back, the list cannot be read.");
  passed("a lost network gives a sentence, and sending again works");
};

try {
  await watch();
  await open();
  passed("the page opens and shows the operations");
  await keyboard();
  await menu();
  await looks("before signing in");
  await registers();
  await worksWithRecords();
  await page.$$eval("details", all => all.forEach(each => (each.open = true)));
  await looks("signed in, with responses");
  await keepsTokens();
  await signsOutAndIn();
  await keepsTokens();
  await pastesToken();
  await losesNetwork();
  await keepsTokens();
  passed("tokens and passwords are in no document, storage, cookie or address");
  quiet();
  passed("no violation of the policy, no other host, no error, nothing on the console");
} catch (error) {
  console.log(`FAILED: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
