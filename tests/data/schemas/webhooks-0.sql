PRAGMA user_version = 0;
BEGIN TRANSACTION;
CREATE TABLE changes (number INTEGER NOT NULL);
INSERT INTO "changes" VALUES(4);
CREATE TABLE deliveries (
        subscription TEXT NOT NULL,
        id BLOB NOT NULL,
        position INTEGER NOT NULL,
        conversation BLOB NOT NULL,
        kind TEXT NOT NULL,
        state INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        queued INTEGER NOT NULL,
        next_at INTEGER,
        settled INTEGER,
        reason TEXT NOT NULL,
        PRIMARY KEY (subscription, id)
    ) WITHOUT ROWID;
INSERT INTO "deliveries" VALUES('wh_wELfOIz-VRdcOYio',X'0D7ED384BAF560F6FB2100B5955090B0',2,X'8A1721DE1949B24654BA221287D88210','reply.created',0,1,1790000000001,1790000005000,NULL,'HTTP 503');
INSERT INTO "deliveries" VALUES('wh_wELfOIz-VRdcOYio',X'8A67FF4EA821083ADFC0DA13165CEF03',1,X'8A1721DE1949B24654BA221287D88210','reply.created',2,1,1790000000001,NULL,1790000000002,'HTTP 500');
INSERT INTO "deliveries" VALUES('wh_wELfOIz-VRdcOYio',X'D5167337FE87211AF46978B8CA50452B',3,X'8A1721DE1949B24654BA221287D88210','reply.created',0,0,1790000000001,NULL,NULL,'');
CREATE TABLE subscriptions (id TEXT PRIMARY KEY, workspace TEXT NOT NULL, body TEXT NOT NULL);
INSERT INTO "subscriptions" VALUES('wh_wELfOIz-VRdcOYio','acme','{"id":"wh_wELfOIz-VRdcOYio","workspace":"acme","url":"https://crm.example/kefu","kinds":["reply.created"],"secrets":["whsec_WLq2KGyEIApVs65q8WxNY4y41005HOT9H6wHkd30Xqs=","whsec_QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD"],"created":1790000000000,"since":1790000000000,"disabled":""}');
INSERT INTO "subscriptions" VALUES('wh_5P5Gp-ettvCFkHAK','globex','{"id":"wh_5P5Gp-ettvCFkHAK","workspace":"globex","url":"https://x.example/","kinds":[],"secrets":["whsec_QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD"],"created":1790000000000,"since":1790000000000,"disabled":"the receiver said that it is gone (HTTP 410)"}');
CREATE INDEX due ON deliveries (subscription, next_at, position) WHERE state = 0 AND next_at IS NOT NULL;
CREATE INDEX lanes ON deliveries (subscription, conversation, position) WHERE state = 0;
CREATE INDEX waiting ON deliveries (subscription, queued) WHERE state = 0;
CREATE INDEX dead ON deliveries (subscription, position) WHERE state = 2;
CREATE INDEX messages ON deliveries (id);
COMMIT;
