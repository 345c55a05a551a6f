/** What the console says, in the languages that its agents read. */

const ENGLISH = {
  name: 'kefu desk',
  signIn: 'Sign in', login: 'Login name', password: 'Password', signingIn: 'Signing in…',
  wrongPassword: 'This login or password is not right.',
  lockedOut: (seconds) => `Too many attempts. Try again in ${seconds} s.`,
  unreachable: 'The server cannot be reached. Check your connection and try again.',
  signedOut: 'You were signed out. Sign in again to go on.',
  signOut: 'Sign out', signOutElsewhere: 'Sign out on other devices', signedOutElsewhere: 'Signed out on all other devices.',
  inbox: 'Inbox', board: 'Board', search: 'Search', settings: 'Settings', shortcuts: 'Keyboard shortcuts',
  theme: 'Switch light and dark', language: '切换到中文',
  available: 'Available', busy: 'Busy', away: 'Away', offline: 'Offline', grace: 'Connection lost',
  presence: 'My status', load: (load, capacity) => `${load} of ${capacity} chats`,
  boxes: { mine: 'Mine', queue: 'Queue', department: 'Department', all: 'All', closed: 'Closed' },
  states: {
    bot: 'Assistant', offer: 'Offered a person', queued: 'Waiting', ringing: 'Ringing', active: 'Active', on_hold: 'On hold',
    transferring: 'Transferring', offline_form: 'Ticket', wrap_up: 'Wrap-up', closed: 'Closed',
  },
  reasons: {
    customer_request: 'Asked for a person', complaint: 'Complaint', safety: 'Safety', restricted_topic: 'Restricted topic',
    tool_failure: 'Assistant failed', low_confidence: 'Assistant was unsure', repeated_failure: 'Same question again',
    negative_sentiment: 'Unhappy visitor', negative_feedback: 'Answers did not help',
  },
  emptyBox: {
    mine: 'Nobody needs you right now.', queue: 'Nobody is waiting.', department: 'No open conversations in your departments.',
    all: 'No open conversations.', closed: 'No closed conversations yet.',
  },
  emptyBoxHint: { mine: 'Chats appear here when you accept them.', queue: 'Visitors who ask for a person appear here, longest waiting first.' },
  filter: 'Filter by name, tag or text', noneMatch: 'Nothing matches this filter.', loadMore: 'Load more', loading: 'Loading…',
  retry: 'Try again', failed: 'This could not be loaded.', open: 'Open', status: 'Status', select: 'Choose a conversation', selectHint: 'Or press Alt ↓ to open the first one.',
  waitsSince: (time) => `waits ${time}`, position: (n) => `No. ${n}`,
  visitor: 'Visitor', assistant: 'Assistant', system: 'kefu', you: 'You',
  online: 'Online', left: (time) => `Left ${time}`, verified: 'Verified', unverified: 'Not verified',
  rings: (name) => `${name} would like to talk`, accept: 'Accept', decline: 'Decline', secondsLeft: (s) => `${s} s`,
  takeOver: 'Take over', transfer: 'Transfer', hold: 'Hold', resume: 'Resume', returnToBot: 'Back to assistant', close: 'Close chat',
  finish: 'Finish', assign: 'Assign', requeue: 'Back to queue', tag: 'Tags', more: 'More actions',
  acceptTransfer: 'Accept transfer', declineTransfer: 'Decline',
  transferTo: 'Transfer to', agent: 'Agent', department: 'Department', reasonNote: 'Why, for your colleague', required: 'Please fill this in.',
  holdFor: 'Remind me in', minutes: (n) => `${n} min`, hours: (n) => (n === 1 ? '1 hour' : `${n} hours`),
  resolution: 'How did it end?', resolutions: { solved: 'Solved', answered: 'Answered', not_solved: 'Not solved', spam: 'Spam' },
  tags: 'Tags', tagsHint: 'Separate with commas', cancel: 'Cancel', confirm: 'Confirm', save: 'Save', saved: 'Saved.', add: 'Add', remove: 'Remove', edit: 'Edit',
  noteForBot: 'Note for the assistant and colleagues',
  reply: 'Reply', note: 'Note', replyTo: (name) => `Reply to ${name}…  / for canned replies`, notePlaceholder: 'Only your team sees this.  @ mentions a colleague',
  send: 'Send', addNote: 'Add note', attach: 'Attach a file', notYours: 'You are not in this chat.', takeOverToReply: 'Take over to reply',
  botTalks: 'The assistant is talking with this visitor.', isClosed: 'This conversation is closed.', notYetAccepted: 'Accept the chat to reply.',
  sending: 'Sending…', notSent: 'Not sent', discard: 'Discard', read: 'Read', typing: (name) => `${name} is typing`, viewing: (names) => `${names} also looking`,
  typingPreview: 'Typing',
  older: 'Show earlier messages', opened: 'Conversation opened', noted: 'Note', chose: 'Chose', pressedHuman: 'Asked for a person', leftMessage: 'Left a message', thumbUp: 'Found this helpful', thumbDown: 'Did not find this helpful',
  erased: 'Deleted at the visitor’s request', rated: (n) => `Rated ${n} of 5`, sources: 'From',
  decisions: { answer: 'Answered', clarify: 'Asked back', smalltalk: 'Small talk', unknown: 'Did not know', refuse: 'Refused', handoff: 'Handed over' }, receipt: 'Why this answer', decision: 'Decision', confidence: 'Confidence', threshold: 'Threshold', candidates: 'Candidates', understood: 'Understood as', took: 'Took',
  brief: 'Brief', question: 'Question', tried: 'What the assistant tried', nothingTried: 'The assistant has not answered yet.', mood: 'Mood', why: 'Why a person',
  about: 'Visitor', page: 'Page', device: 'Device', firstSeen: 'First seen', visits: 'Conversations', email: 'E-mail', languageOf: 'Language', episodes: 'Earlier', noEpisodes: 'First contact.',
  suggestions: 'From the knowledge base', suggestHint: 'Answers appear here while you type or when a visitor asks.', insert: 'Insert', noSuggestion: 'Nothing fits.', proposal: 'Suggested answer', putAway: 'Put this suggestion away',
  moods: { negative: 'Unhappy', neutral: 'Neutral', positive: 'Happy' },
  moved: {
    rang: 'rang', ring_declined: 'declined the ring', ring_missed: 'did not answer the ring', ring_withdrawn: 'stopped ringing', department_changed: 'moved the chat to another department',
    transfer_declined: 'declined the transfer', transfer_missed: 'did not answer the transfer', transfer_target_gone: 'could not take the transfer', agent_warned: 'was reminded to reply',
    reply_late: 'is late with a reply', agent_left: 'lost the connection', agent_returned: 'is back', agent_removed: 'was disabled', visitor_left: 'left the page', visitor_away: 'is away',
    visitor_returned: 'is back', wrapped_up: 'finished wrap-up', tagged: 'changed the tags', assigned: 'assigned the chat', requeued: 'returned the chat to the queue', resumed: 'resumed the chat',
    blocked: 'blocked the visitor', ticket_taken: 'took the message', reopened: 'reopened the chat', new_episode: 'began a new conversation', bot_failed: 'could not answer', idle: 'closed the chat, nobody wrote',
    offer_expired: 'did not answer the offer', offer_passed: 'asked something else',
  },
  notices: {
    waits: (visitor) => `${visitor} is waiting in the queue`, nobody_takes_it: (visitor) => `Nobody takes ${visitor}`, ticket: (visitor) => `${visitor} is to be answered later`,
    set_away: () => 'You missed two rings, so you are set to away', mine: (visitor) => `${visitor} is yours now`, taken_over: (visitor, by) => `${by} took ${visitor} over`,
    reassigned: (visitor) => `${visitor} was given to a colleague`, goes_round: (visitor) => `${visitor} goes round between colleagues`, first_reply_due: (visitor) => `${visitor} waits for your first reply`,
    reply_late: (visitor) => `${visitor} waits too long for a reply`, mail: (visitor) => `${visitor} is gone; answer by e-mail`,
    transfer_back: (visitor, by) => `${by} declined; ${visitor} stays with you`,
  },
  transferMissed: (visitor) => `Nobody took ${visitor} over; the chat stays with you`,
  asksYou: (name) => `A colleague would like you to take ${name}`,
  alreadyTaken: (name) => `${name} has taken this chat already.`, stale: 'This chat has changed meanwhile. Look again, then repeat.', notAllowed: 'This cannot be done now.',
  didNotWork: 'That did not work. Try again.', reconnecting: 'Connection lost. What you write is kept and sent when it is back.', newChat: 'New chat', mentionedBy: (name) => `${name} mentioned you`,
  boardWaiting: 'Waiting', boardLongest: 'Longest wait', boardActive: 'With agents', boardBot: 'With the assistant', boardMissed: 'Missed targets', boardAgents: 'Agents', boardQueue: 'Queue', nobodyWaits: 'Nobody waits.',
  noAgents: 'No agent is signed in.', since: 'Since', setPresence: 'Set status',
  agents: 'Agents', departments: 'Departments', hoursPage: 'Hours', canned: 'Canned replies', audit: 'Audit log', account: 'My account',
  displayName: 'Name', role: 'Role', roles: { agent: 'Agent', supervisor: 'Supervisor', admin: 'Administrator' }, capacity: 'Chats at once', disabled: 'Disabled', disable: 'Disable', enable: 'Enable',
  addAgent: 'Add an agent', initialPassword: 'Initial password', shownOnce: 'Give this password to your colleague. It is not shown again.', oldPassword: 'Current password', newPassword: 'New password', changePassword: 'Change password',
  passwordChanged: 'Your password was changed.', addDepartment: 'Add a department', nameZh: 'Name (Chinese)', nameEn: 'Name (English)', timezone: 'Time zone', fallback: 'Fallback department', none: 'None', holidays: 'Holidays', holidaysHint: 'One date a line: 2026-10-01',
  weekdays: ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'], closedDay: 'Closed', hoursHint: 'For example 09:00-12:00, 13:00-18:00. All empty: always open.', badHours: 'Write hours like 09:00-18:00.',
  shortcut: 'Shortcut', textZh: 'Text (Chinese)', textEn: 'Text (English)', placeholders: 'Placeholders: {visitor}, {agent}, {department}', forDepartment: 'For', everyone: 'Everyone', onlyMe: 'Only me', addCanned: 'Add a canned reply', noCanned: 'No canned replies yet.',
  noAudit: 'Nothing was changed yet.', when: 'When', who: 'Who', what: 'What', details: 'Details', notifications: 'Allow notifications', notificationsOn: 'Notifications are on.', notificationsBlocked: 'Your browser blocks notifications for this page.', sound: 'Sound when a chat rings',
  searchPlaceholder: 'Search all conversations', searchHint: 'Type at least two characters. Chinese and English work.', nothingFound: (q) => `Nothing found for “${q}”.`, found: (n) => (n === 1 ? '1 message' : `${n} messages`),
  keys: [['Alt ↑ / Alt ↓', 'Previous / next conversation'], ['Alt A', 'Accept the ringing chat'], ['Enter', 'Send'], ['Shift Enter', 'New line'], ['Alt N', 'Switch between reply and note'], ['/', 'Canned replies'], ['Tab', 'Insert the suggested answer'], ['Alt 1–3', 'Insert an answer of the knowledge base'], ['Ctrl K', 'Search'], ['Esc', 'Close what is open'], ['?', 'This help']],
  now: 'now', ago: { s: (n) => `${n} s`, m: (n) => `${n} min`, h: (n) => `${n} h`, d: (n) => `${n} d` },
};

const CHINESE = {
  name: 'kefu 客服台',
  signIn: '登录', login: '登录名', password: '密码', signingIn: '正在登录…',
  wrongPassword: '登录名或密码不正确。',
  lockedOut: (seconds) => `尝试次数过多，请 ${seconds} 秒后再试。`,
  unreachable: '无法连接服务器，请检查网络后重试。',
  signedOut: '您已退出登录，请重新登录。',
  signOut: '退出登录', signOutElsewhere: '退出其他设备', signedOutElsewhere: '已在其他设备上退出登录。',
  inbox: '会话', board: '监控', search: '搜索', settings: '设置', shortcuts: '键盘快捷键',
  theme: '切换深色/浅色', language: 'Switch to English',
  available: '在线', busy: '忙碌', away: '离开', offline: '离线', grace: '连接中断',
  presence: '我的状态', load: (load, capacity) => `${load} / ${capacity} 个会话`,
  boxes: { mine: '我的', queue: '排队', department: '部门', all: '全部', closed: '已结束' },
  states: {
    bot: '机器人', offer: '已询问转人工', queued: '排队中', ringing: '响铃中', active: '进行中', on_hold: '暂挂',
    transferring: '转接中', offline_form: '待回复', wrap_up: '整理中', closed: '已结束',
  },
  reasons: {
    customer_request: '要求人工', complaint: '投诉', safety: '安全问题', restricted_topic: '受限话题',
    tool_failure: '机器人故障', low_confidence: '机器人不确定', repeated_failure: '重复提问',
    negative_sentiment: '情绪不满', negative_feedback: '回答没有帮助',
  },
  emptyBox: { mine: '现在没有需要您处理的会话。', queue: '没有人在排队。', department: '您的部门没有进行中的会话。', all: '没有进行中的会话。', closed: '还没有已结束的会话。' },
  emptyBoxHint: { mine: '接入的会话会显示在这里。', queue: '要求人工的访客会显示在这里，等待最久的在最前。' },
  filter: '按姓名、标签或内容筛选', noneMatch: '没有符合条件的会话。', loadMore: '加载更多', loading: '加载中…',
  retry: '重试', failed: '加载失败。', open: '打开', status: '状态', select: '请选择一个会话', selectHint: '或按 Alt ↓ 打开第一个。',
  waitsSince: (time) => `已等 ${time}`, position: (n) => `第 ${n} 位`,
  visitor: '访客', assistant: '机器人', system: 'kefu', you: '您',
  online: '在线', left: (time) => `${time}离开`, verified: '已验证', unverified: '未验证',
  rings: (name) => `${name} 请求人工服务`, accept: '接入', decline: '拒绝', secondsLeft: (s) => `${s} 秒`,
  takeOver: '接管', transfer: '转接', hold: '暂挂', resume: '恢复', returnToBot: '交还机器人', close: '结束会话',
  finish: '完成', assign: '分配', requeue: '放回队列', tag: '标签', more: '更多操作',
  acceptTransfer: '接受转接', declineTransfer: '拒绝',
  transferTo: '转接给', agent: '客服', department: '部门', reasonNote: '给同事的说明', required: '请填写此项。',
  holdFor: '多久后提醒我', minutes: (n) => `${n} 分钟`, hours: (n) => `${n} 小时`,
  resolution: '处理结果', resolutions: { solved: '已解决', answered: '已答复', not_solved: '未解决', spam: '垃圾消息' },
  tags: '标签', tagsHint: '用逗号分隔', cancel: '取消', confirm: '确定', save: '保存', saved: '已保存。', add: '添加', remove: '删除', edit: '编辑',
  noteForBot: '给机器人和同事的备注',
  reply: '回复', note: '备注', replyTo: (name) => `回复 ${name}…  输入 / 选择快捷回复`, notePlaceholder: '仅团队可见。  @ 提醒同事',
  send: '发送', addNote: '添加备注', attach: '添加附件', notYours: '您不在此会话中。', takeOverToReply: '接管后回复',
  botTalks: '机器人正在接待这位访客。', isClosed: '会话已结束。', notYetAccepted: '接入后才能回复。',
  sending: '发送中…', notSent: '未发送', discard: '放弃', read: '已读', typing: (name) => `${name} 正在输入`, viewing: (names) => `${names} 也在查看`,
  typingPreview: '正在输入',
  older: '查看更早的消息', opened: '会话开始', noted: '备注', chose: '选择了', pressedHuman: '要求人工服务', leftMessage: '留言', thumbUp: '觉得有帮助', thumbDown: '觉得没有帮助',
  erased: '已应访客要求删除', rated: (n) => `评分 ${n} / 5`, sources: '来源',
  decisions: { answer: '已回答', clarify: '反问', smalltalk: '闲聊', unknown: '不知道', refuse: '拒答', handoff: '转人工' }, receipt: '回答依据', decision: '决定', confidence: '置信度', threshold: '阈值', candidates: '候选条目', understood: '理解为', took: '用时',
  brief: '摘要', question: '问题', tried: '机器人的尝试', nothingTried: '机器人还没有回答。', mood: '情绪', why: '转人工原因',
  about: '访客', page: '页面', device: '设备', firstSeen: '首次访问', visits: '会话数', email: '邮箱', languageOf: '语言', episodes: '历史', noEpisodes: '首次咨询。',
  suggestions: '知识库建议', suggestHint: '输入时或访客提问时，这里会显示建议回答。', insert: '插入', noSuggestion: '没有合适的条目。', proposal: '建议回答', putAway: '收起此建议',
  moods: { negative: '不满', neutral: '平静', positive: '满意' },
  moved: {
    rang: '正在响铃', ring_declined: '拒绝了响铃', ring_missed: '未应答响铃', ring_withdrawn: '停止响铃', department_changed: '把会话移到其他部门',
    transfer_declined: '拒绝了转接', transfer_missed: '未应答转接', transfer_target_gone: '无法接受转接', agent_warned: '被提醒回复',
    reply_late: '回复超时', agent_left: '连接中断', agent_returned: '已恢复连接', agent_removed: '已被停用', visitor_left: '离开了页面', visitor_away: '暂时离开',
    visitor_returned: '回来了', wrapped_up: '完成了整理', tagged: '修改了标签', assigned: '分配了会话', requeued: '把会话放回队列', resumed: '恢复了会话',
    blocked: '屏蔽了访客', ticket_taken: '接手了留言', reopened: '重新打开会话', new_episode: '开始了新会话', bot_failed: '未能回答', idle: '因无人回复结束会话',
    offer_expired: '未回应转人工询问', offer_passed: '继续提问',
  },
  notices: {
    waits: (visitor) => `${visitor} 正在排队`, nobody_takes_it: (visitor) => `没有人接待 ${visitor}`, ticket: (visitor) => `${visitor} 等待稍后回复`,
    set_away: () => '您错过了两次响铃，状态已改为离开', mine: (visitor) => `${visitor} 现在由您接待`, taken_over: (visitor, by) => `${by} 接管了 ${visitor}`,
    reassigned: (visitor) => `${visitor} 已转给同事`, goes_round: (visitor) => `${visitor} 在同事之间来回转接`, first_reply_due: (visitor) => `${visitor} 在等您的第一次回复`,
    reply_late: (visitor) => `${visitor} 等待回复太久了`, mail: (visitor) => `${visitor} 已离开，请用邮件回复`,
    transfer_back: (visitor, by) => `${by} 谢绝了转接，${visitor} 仍由您接待`,
  },
  transferMissed: (visitor) => `没有同事接手，${visitor} 仍由您接待`,
  asksYou: (name) => `同事想请您接待 ${name}`,
  alreadyTaken: (name) => `${name} 已经接入了这个会话。`, stale: '会话已有变化，请查看后再操作。', notAllowed: '现在不能这样做。',
  didNotWork: '操作失败，请重试。', reconnecting: '连接中断。您写的内容会保留，恢复后自动发送。', newChat: '新会话', mentionedBy: (name) => `${name} 提到了您`,
  boardWaiting: '排队人数', boardLongest: '最长等待', boardActive: '人工接待', boardBot: '机器人接待', boardMissed: '未达标', boardAgents: '客服', boardQueue: '队列', nobodyWaits: '没有人在排队。',
  noAgents: '没有客服在线。', since: '自', setPresence: '设置状态',
  agents: '客服', departments: '部门', hoursPage: '工作时间', canned: '快捷回复', audit: '审计日志', account: '我的账户',
  displayName: '姓名', role: '角色', roles: { agent: '客服', supervisor: '主管', admin: '管理员' }, capacity: '同时会话数', disabled: '已停用', disable: '停用', enable: '启用',
  addAgent: '添加客服', initialPassword: '初始密码', shownOnce: '请把此密码交给同事，之后不再显示。', oldPassword: '当前密码', newPassword: '新密码', changePassword: '修改密码',
  passwordChanged: '密码已修改。', addDepartment: '添加部门', nameZh: '名称（中文）', nameEn: '名称（英文）', timezone: '时区', fallback: '备用部门', none: '无', holidays: '节假日', holidaysHint: '每行一个日期：2026-10-01',
  weekdays: ['星期一', '星期二', '星期三', '星期四', '星期五', '星期六', '星期日'], closedDay: '休息', hoursHint: '例如 09:00-12:00, 13:00-18:00。全部留空表示全天开放。', badHours: '请按 09:00-18:00 的格式填写。',
  shortcut: '快捷词', textZh: '内容（中文）', textEn: '内容（英文）', placeholders: '占位符：{visitor}、{agent}、{department}', forDepartment: '适用', everyone: '所有人', onlyMe: '仅自己', addCanned: '添加快捷回复', noCanned: '还没有快捷回复。',
  noAudit: '还没有变更记录。', when: '时间', who: '操作人', what: '操作', details: '详情', notifications: '允许通知', notificationsOn: '通知已开启。', notificationsBlocked: '浏览器已阻止此页面的通知。', sound: '来访时播放提示音',
  searchPlaceholder: '搜索全部会话', searchHint: '请至少输入两个字，中英文均可。', nothingFound: (q) => `没有找到“${q}”。`, found: (n) => `${n} 条消息`,
  keys: [['Alt ↑ / Alt ↓', '上一个/下一个会话'], ['Alt A', '接入响铃会话'], ['Enter', '发送'], ['Shift Enter', '换行'], ['Alt N', '切换回复与备注'], ['/', '快捷回复'], ['Tab', '插入建议回答'], ['Alt 1–3', '插入知识库条目'], ['Ctrl K', '搜索'], ['Esc', '关闭'], ['?', '显示此帮助']],
  now: '刚刚', ago: { s: (n) => `${n} 秒`, m: (n) => `${n} 分钟`, h: (n) => `${n} 小时`, d: (n) => `${n} 天` },
};

const KEY = 'kefu.console.language';
let words = CHINESE;
let code = 'zh';

/** Choose a language; without one, the last choice, or the browser's. */
export function choose(wanted) {
  let kept = wanted;
  try {
    kept ??= localStorage.getItem(KEY) ?? undefined;
    if (wanted) localStorage.setItem(KEY, wanted);
  } catch {
    // storage may be forbidden
  }
  code = (kept ?? navigator.language ?? 'en').startsWith('zh') ? 'zh' : 'en';
  words = code === 'zh' ? CHINESE : ENGLISH;
  document.documentElement.lang = code === 'zh' ? 'zh-CN' : 'en';
}

/** The words of the chosen language. */
export const w = () => words;

/** 'zh' or 'en'. */
export const language = () => code;

/** How long something took or takes, in one unit. */
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return words.ago.s(seconds);
  if (seconds < 3600) return words.ago.m(Math.floor(seconds / 60));
  if (seconds < 86_400) return words.ago.h(Math.floor(seconds / 3600));
  return words.ago.d(Math.floor(seconds / 86_400));
}

const formats = new Map(); // making one takes longer than using it

function format(kind) {
  const key = code + kind;
  if (!formats.has(key)) {
    const options = kind === 'time' ? { hour: '2-digit', minute: '2-digit' } : { month: 'short', day: 'numeric' };
    formats.set(key, new Intl.DateTimeFormat(code === 'zh' ? 'zh-CN' : 'en-GB', options));
  }
  return formats.get(key);
}

/** The time of day, with the date where it is another day. */
export function clock(ms, now = Date.now()) {
  const date = new Date(ms);
  const today = new Date(now).toDateString() === date.toDateString();
  const time = format('time').format(date);
  return today ? time : `${format('date').format(date)} ${time}`;
}

/** Both tables, for the test that holds them to the same keys. */
export const tables = { zh: CHINESE, en: ENGLISH };
