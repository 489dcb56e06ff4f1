// Shows openapi.json, and calls its operations (`op`). The token is in a variable of this module and nowhere else.

const base = location.pathname.replace(/\/api\/docs\/?$/, "");
const find = id => document.getElementById(id);
let api, ops, token;

/** Gives a node these children. Text stays text; what is false is left out. */
const fill = (node, ...children) => node.replaceChildren(...children.flat(9).filter(Boolean));

/** A function for each element and class: `p.path({ id: "x" }, "text", [children])`. */
const element = (name, className = "") => (...parts) => {
	const node = document.createElement(name);
	Object.assign(node, { className }, parts[0]?.constructor === Object && parts.shift());
	fill(node, parts);
	return node;
};
const { a, article, b, button, code, dd, details, div, dl, dt, em, form, h2, h3, h4, input, label, li, p, pre, section, span, summary, textarea, ul } =
	new Proxy({}, { get: (_, name) => new Proxy(element(name), { get: (_, className) => element(name, className) }) });

const inline = (text = "") => text.split("`").map((part, at) => (at % 2 ? code(part) : part));
const prose = (text = "") => text.split("\n\n").map(each => p(inline(each)));

// ---- JSON as text

/** Indents JSON without JSON.parse, in which a number of 64 bits would lose digits. Hides tokens. */
const pretty = text => {
	let line = "\n";
	return text.replace(/("\w*token"\s*:\s*)"(\\.|[^"\\])*"/gi, '$1"…"').replace(/"(\\.|[^"\\])*"|\s+|[{[]\s*[}\]]|[{}[\],:]/g, part => {
		if (part[0] === '"') return part;
		if (/\S./.test(part)) return part[0] + part.at(-1);
		if ("{[".includes(part)) return part + (line += "  ");
		if ("}]".includes(part)) return (line = line.slice(0, -2)) + part;
		return { ",": "," + line, ":": ": " }[part] ?? "";
	});
};

const paint = text => {
	const parts = text.split(/("(?:\\.|[^"\\])*":?)/);
	return parts.length > 2e4 ? text : parts.map((part, at) => (at % 2 ? span[part.endsWith(":") ? "key" : "text"](part) : part));
};

// ---- Schemas

const resolve = ({ $ref, ...own } = {}) => ($ref ? { ...resolve($ref.slice(2).split("/").reduce((at, key) => at?.[key], api)), ...own } : own);
const choices = s => s.oneOf ?? s.anyOf;

const typeOf = (schema = {}) => {
	const s = resolve(schema);
	if (choices(s)) return choices(s).map(typeOf).join(" or ");
	if (s.items) return `array of ${typeOf(s.items)}`;
	if (s.properties && schema.$ref) return schema.$ref.split("/").pop();
	return [s.type ?? "any"].flat().join(" or ") + (s.format ? ` (${s.format})` : "");
};

const rules = s => [
	s.enum && `one of ${s.enum.join(", ")}`,
	...Object.entries({ imum: "value", Length: "length", Items: "items", Properties: "fields" }).map(([key, what]) => {
		const least = s[`min${key}`], most = s[`max${key}`];
		return least === undefined ? most && `${what} at most ${most}` : `${what} ${most ? `${least}–${most}` : `at least ${least}`}`;
	}),
	s.pattern && `pattern ${s.pattern}`,
	"default" in s && `default ${s.default}`,
];
const joined = (...parts) => parts.flat().filter(Boolean).join(" · ");

/** A field, and the fields inside. A schema may hold itself: `depth` ends that. */
const row = (name, schema, required, description, depth = 4) => {
	const s = resolve(schema);
	return [dt(b(name), span(typeOf(schema)), required && em("required"), s.deprecated && em("deprecated"), span(joined(rules(s)))),
		dd(inline(description ?? s.description), fields(schema, depth))];
};

const fields = (schema, depth = 5) => {
	const s = resolve(schema);
	if (!depth) return "";
	if (s.items) return fields(s.items, depth);
	if (choices(s)) return choices(s).map(each => resolve(each).properties && [p("If ", typeOf(each)), fields(each, depth - 1)]);
	return s.properties && dl(Object.entries(s.properties).map(([key, each]) => row(key, each, s.required?.includes(key), each.description, depth - 1)));
};

/** The first form of a body, with its examples as text. */
const contentOf = holder => {
	const [[media, { schema, example, examples = { example: { value: example } } }] = [, {}]] = Object.entries(resolve(holder).content ?? {});
	const values = Object.values(examples).map(each => JSON.stringify(resolve(each).value));
	return { media, schema, examples: values.filter(Boolean).map(pretty) };
};
const showContent = ({ media, schema }) => media && [
	p(joined(media, typeOf(schema), rules(resolve(schema)))), p(inline(resolve(schema).description)), fields(schema)];

// ---- Requests

const readOps = () => Object.entries(api.paths).flatMap(([path, item]) =>
	Object.entries(item).filter(([, op]) => op.responses).map(([verb, op]) => {
		const method = verb.toUpperCase();
		return {
			...op, path, method, name: `${method} ${path}`, id: op.operationId ?? verb + path, title: op.summary ?? path, tag: op.tags?.[0] ?? "other",
			parameters: (op.parameters ?? []).map(resolve),
			needsToken: (op.security ?? api.security)?.length,
			body: op.requestBody && contentOf(op.requestBody), old: op.deprecated ? "old" : "",
		};
	}));
const named = id => ops.find(op => op.id === id);
const links = (these, to = "") => ul(these.map(op => li(a[op.old]({ href: `#${to}${op.id}` }, b[op.method](op.method), span(inline(op.title))))));
/** What reads the records that `op` adds. */
const readers = ({ path }) => ops.filter(op => op.method === "GET" && op.path.replace(/\/{[^/]+$/, "") === path);

const call = async (op, { path = op.path, headers, body }) => {
	const started = performance.now();
	const response = await fetch(base + path, { method: op.method, body, headers: {
		...headers, ...(body && { "content-type": op.body.media }), ...(token && op.needsToken && { authorization: `Bearer ${token}` }) } });
	const content = await response.clone().json().catch(() => {});
	const text = await response.text();
	return { response, text, content, took: Math.round(performance.now() - started) };
};
const unreachable = error => `No response (${error.message}). Check that you are online and ${location.host} runs, then try again.`;

const quote = text => `'${text.replaceAll("'", `'\\''`)}'`;
const curl = (op, { path, headers, body }) => [
	`curl -X ${op.method} ${quote(location.origin + base + path)}`,
	op.needsToken && '-H "authorization: Bearer $TOKEN"',
	...Object.entries(headers).map(header => `-H ${quote(header.join(": "))}`),
	body && `-H ${quote(`content-type: ${op.body.media}`)} \\\n  -d ${quote(body)}`,
].filter(Boolean).join(" \\\n  ");

const copy = (title, what, text) => button.plain({ type: "button", ariaLabel: `${title} ${what}`,
	onclick: ({ target }) => navigator.clipboard?.writeText(text()).then(() => fill(target, "Copied")) }, title);

// ---- Signing in

const auth = find("auth");
const inputs = [...auth.querySelectorAll("label:has(span) input")];
const wanted = () => Object.keys(resolve(named(auth.mode.value)?.body.schema).properties ?? { token });

const refuse = ({ message, errors = [] }) => {
	for (const field of inputs) {
		const wrong = errors.find(each => each.field === field.name);
		field.parentNode.hidden = !wanted().includes(field.name);
		field.ariaInvalid = wrong ? "true" : null;
		fill(field.nextSibling, wrong?.message);
	}
	fill(auth.lastElementChild, message, errors.filter(each => !auth[each.field]).map(each => `; ${each.field} ${each.message}`));
	inputs.find(field => field.ariaInvalid)?.focus();
};
auth.onchange = () => refuse({});

auth.onsubmit = async event => {
	event.preventDefault();
	const values = Object.fromEntries(new FormData(auth));
	const op = named(values.mode);
	auth.password.value = auth.token.value = "";
	refuse({ message: "One moment…" });
	try {
		const { response, content = { message: `Status ${response.status}: try again.` } } =
			op ? await call(op, { body: JSON.stringify(values, wanted()) }) : { content: values };
		if (!content.token) return refuse(content);
		signIn(content.token.trim(), op ? values.email : "with a token");
		find("user").firstChild.focus();
	} catch (error) {
		refuse({ message: unreachable(error) });
	}
};

const signIn = (given, who) => {
	token = given;
	refuse({});
	// What a newcomer wants next: the first kind of record that can be added, and its list.
	const add = ops.find(op => op.method === "POST" && op.needsToken && op.body && op.tag !== named("login").tag);
	document.body.className = "in";
	fill(find("user"), h2({ tabIndex: -1 }, `Signed in: ${who}`), p("The token is in the memory of this page: a reload forgets it."),
		p("Send this next:"), links(add ? [add, ...readers(add)] : [], "try-"),
		button({ onclick: () => find("try-logout").requestSubmit() }, "Sign out"), copy("Copy token", "for curl", () => token));
};

const signOut = () => {
	token = undefined;
	document.body.className = "";
	fill(find("user"));
	auth.mode[1].click();
	auth.mode[1].focus();
};

// ---- Trying an operation

/** Puts the id of a new record into every path that takes it. */
const offer = place => {
	const path = new URL(place, location).pathname.slice(base.length);
	for (const field of document.querySelectorAll("article input")) {
		field.value = path.match(field.taker)?.[1] ?? field.value;
		field.form.oninput();
	}
};

const showResponse = (op, { response: { headers, status }, text, content }) => [
	p.path([...headers].filter(([name]) => /^(allow|content-type|etag|idemp|link|location|retry|www|x-[rt])/.test(name)).map(each => `${each.join(": ")}\n`)),
	text && pre({ tabIndex: 0, role: "region", ariaLabel: `Response of ${op.name}` }, content === undefined ? text : paint(pretty(text))),
	status === 201 && op.needsToken && [p("Send this next:"), links(readers(op), "try-")],
	status === 401 && p(a({ href: "#sign-in" }, "Sign in"), ", then send it again."),
];

const tryIt = op => {
	const { id, name, body } = op;
	const initial = body?.examples[0] ?? "{}";
	const hasSecret = /password|token|secret/i.test(initial);
	const text = body && textarea({ value: initial, rows: 7, ariaLabel: `Body of ${name}` });
	const parameters = op.parameters.map(each => ({ ...each, field: input({
		value: each.required ? each.example ?? "" : "", autocomplete: "off", ariaLabel: `${each.name} of ${name}`,
		taker: `^${op.path.replace(RegExp(`{${each.name}}.*`), "([^/]+)").replace(/{.*?}/g, "[^/]+")}$` }) }));
	const request = () => {
		const query = new URLSearchParams(), headers = {};
		let { path } = op;
		for (const { name, in: place, field: { value } } of parameters) {
			if (place === "path") path = path.replace(`{${name}}`, () => encodeURIComponent(value));
			else if (value && place === "query") query.append(name, value);
			else if (value) headers[name] = value;
		}
		return { path: path + (`${query}` && `?${query}`), headers, body: text?.value || undefined };
	};
	const shown = pre(), said = p({ role: "status" }), result = div();
	// A typed password must not get into the document: of such a body, curl keeps the example.
	const update = () => fill(shown, paint(curl(op, { ...request(), ...(hasSecret && { body: initial }) })));
	const onsubmit = async event => {
		event.preventDefault();
		fill(said, "Sending…");
		fill(result);
		try {
			const got = await call(op, request());
			const { ok, status, statusText, headers } = got.response;
			fill(said, b[`s${status}`.slice(0, 2)](status), ` ${statusText} · ${got.took} ms`);
			fill(result, showResponse(op, got));
			if (status === 201) offer(headers.get("location") ?? "");
			result.scrollIntoView({ block: "nearest" });
			if (id === "logout" && (ok || status === 401)) signOut();
			if (ok && got.content?.token) signIn(got.content.token, JSON.parse(text.value).email);
			if (hasSecret) text.value = initial;
		} catch (error) {
			fill(said, unreachable(error));
		}
	};
	update();
	return div.side(
		div.curl(copy("Copy", `curl of ${name}`, () => shown.textContent), shown),
		form({ id: `try-${id}`, ariaLabel: `Try ${name}`, onsubmit, oninput: update },
			parameters.map(({ name, required, field }) => label(name, !required && " (optional)", field)), text && label("Body", text),
			button({ ariaLabel: `Send ${name}` }, "Send"), said, result));
};

// ---- The page

const showStatus = ([status, given]) => {
	const content = contentOf(given), open = status < 300;
	return details({ open }, summary(b[`s${status[0]}`](status), " ", inline(resolve(given).description)),
		open && showContent(content), content.examples.map(each => pre(paint(each))));
};

const showOp = op => article({ id: op.id },
	div(h3[op.old](inline(op.title)), p.path(b[op.method](op.method), " ", op.path, op.old && em(" deprecated")),
		// A description may begin with the summary.
		prose(op.description?.replace(op.title, "").replace(/^[.\s]+/, "")),
		op.parameters.length && [h4("Parameters"), dl(op.parameters.map(each => row(each.name, each.schema, each.required, `In the ${each.in}. ${each.description ?? ""}`)))],
		op.body && [h4("Body"), showContent(op.body)],
		h4("Responses"), Object.entries(op.responses).map(showStatus)),
	tryIt(op));

const show = () => {
	const { title, version } = api.info;
	ops = readOps();
	const groups = Object.entries(Object.groupBy(ops, op => op.tag));
	document.title = title;
	fill(find("title"), title);
	fill(find("intro"), api.info.summary);
	fill(find("about"), prose(api.info.description));
	fill(find("nav"), p(b(title), ` ${version} · `, a({ href: "openapi.json" }, "openapi.json")), groups.map(([tag, these]) => div(b(tag), links(these))));
	// On a phone it lies over the text.
	find("nav").onclick = event => event.target.closest("a") && find("nav").togglePopover?.(false);
	find("main").append(...groups.map(([tag, these]) =>
		section(h2(tag), prose(api.tags?.find(each => each.name === tag)?.description), these.map(showOp))));
	refuse({});
	find("sign-in").hidden = false;
	find(location.hash.slice(1))?.scrollIntoView();
};

api = await fetch("openapi.json").then(response => response.json()).catch(() => {});
if (api?.paths) show();
else fill(find("intro"), "The description cannot be read. Reload the page, or tell the operators what ", a({ href: "openapi.json" }, "openapi.json"), " shows.");
