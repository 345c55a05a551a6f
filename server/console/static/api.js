/** The console's HTTP interface. Every refusal is a `Refused` with words that may be shown. */

const BASE = '/v1/console/';

/** The server said no, or could not be reached (`status` 0). */
export class Refused extends Error {
  constructor(status, message, { retryAfter = 0, detail = {} } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.detail = detail;
  }
}

function call(method, path, body) {
  if (body === undefined) return send(method, path);
  return send(method, path, { body: JSON.stringify(body), type: 'application/json' });
}

async function send(method, path, { body, type } = {}) {
  let response;
  try {
    response = await fetch(BASE + path, {
      method,
      credentials: 'same-origin',
      headers: { 'X-Kefu-Console': '1', ...(type ? { 'Content-Type': type } : {}) },
      body,
    });
  } catch {
    throw new Refused(0, '');
  }
  const text = await response.text();
  const answer = text && (response.headers.get('Content-Type') ?? '').includes('json') ? JSON.parse(text) : {};
  if (response.ok) return answer;
  const retryAfter = Number(response.headers.get('Retry-After')) || 0;
  throw new Refused(response.status, answer.detail ?? answer.title ?? '', { retryAfter, detail: answer });
}

function query(values) {
  const set = Object.entries(values).filter(([, value]) => value !== '' && value !== undefined && value !== null);
  return set.length ? `?${new URLSearchParams(set)}` : '';
}

const at = encodeURIComponent;

export const api = {
  signIn: (login, password) => call('POST', 'session', { login, password }),
  session: () => call('GET', 'session'),
  signOut: () => call('DELETE', 'session'),
  signOutElsewhere: () => call('DELETE', 'sessions'),
  changePassword: (old, fresh) => call('POST', 'session/password', { old, new: fresh }),
  ticket: async () => (await call('POST', 'ticket')).ticket,
  cases: (filter) => call('GET', `cases${query(filter)}`),
  case: (id) => call('GET', `cases/${at(id)}`),
  events: (id, page) => call('GET', `cases/${at(id)}/events${query(page)}`),
  upload: (id, file) => send('POST', `cases/${at(id)}/files${query({ name: file.name })}`, { body: file, type: 'application/octet-stream' }),
  search: (q, page = {}) => call('GET', `search${query({ q, ...page })}`),
  suggest: (conversation, q) => call('GET', `suggest${query({ conversation, q })}`),
  proposal: (id) => call('GET', `cases/${at(id)}/proposal`),
  canned: () => call('GET', 'canned'),
  addCanned: (reply) => call('POST', 'canned', reply),
  changeCanned: (id, reply) => call('PUT', `canned/${at(id)}`, reply),
  removeCanned: (id) => call('DELETE', `canned/${at(id)}`),
  agents: () => call('GET', 'agents'),
  addAgent: (agent) => call('POST', 'agents', agent),
  changeAgent: (id, change) => call('PATCH', `agents/${at(id)}`, change),
  departments: () => call('GET', 'departments'),
  addDepartment: (department) => call('POST', 'departments', department),
  changeDepartment: (id, department) => call('PUT', `departments/${at(id)}`, department),
  board: () => call('GET', 'board'),
  audit: (page) => call('GET', `audit${query(page)}`),
};
