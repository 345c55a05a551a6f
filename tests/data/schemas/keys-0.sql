PRAGMA user_version = 0;
BEGIN TRANSACTION;
CREATE TABLE keys (id TEXT PRIMARY KEY, workspace TEXT NOT NULL, kind TEXT NOT NULL, hash BLOB UNIQUE, body TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0);
INSERT INTO "keys" VALUES('wk_vr2Vx1NXR52sg1rZcAXlIA','acme','widget',NULL,'{"id":"wk_vr2Vx1NXR52sg1rZcAXlIA","workspace":"acme","kind":"widget","name":"front page","kb":"shop","scopes":[],"origins":["https://shop.example"],"identity_secret":"OQEK4-pVhIgkRZCcYv0-V0c4OABtwyBgqhYcEfKn6GM","created":1795457879290,"revoked":false}',0);
INSERT INTO "keys" VALUES('sk_Ec0Gb3Bod3ZyP','acme','secret',X'991374F90870581E2D1604D5A79573B8E84043F2024D593E481A18AFB733CF49','{"id":"sk_Ec0Gb3Bod3ZyP","workspace":"acme","kind":"secret","name":"crm","kb":"","scopes":["conversations:read","ask"],"origins":[],"identity_secret":"","created":1795457879322,"revoked":false}',0);
INSERT INTO "keys" VALUES('wk_hx-6we_nv2fO_NkcbVwo8A','globex','widget',NULL,'{"id":"wk_hx-6we_nv2fO_NkcbVwo8A","workspace":"globex","kind":"widget","name":"","kb":"vault","scopes":[],"origins":[],"identity_secret":"SsZo5qSIq9KeZh0mmCHbhXv7Jhw70uBN2wFvkn1tqus","created":1795457879323,"revoked":true}',1);
COMMIT;
