SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA headwater;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE headwater.blob_removals (
    tenant text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    begun_at bigint NOT NULL
);
ALTER TABLE ONLY headwater.blob_removals FORCE ROW LEVEL SECURITY;
CREATE TABLE headwater.chunks (
    tenant text NOT NULL COLLATE pg_catalog."C",
    collection text NOT NULL COLLATE pg_catalog."C",
    chunking text NOT NULL COLLATE pg_catalog."C",
    id uuid NOT NULL,
    document text NOT NULL COLLATE pg_catalog."C",
    fence bigint NOT NULL,
    removed_at bigint,
    ordinal integer NOT NULL,
    start_unit integer NOT NULL,
    end_unit integer NOT NULL,
    input_hash text NOT NULL COLLATE pg_catalog."C",
    metadata jsonb NOT NULL,
    text text NOT NULL
);
ALTER TABLE ONLY headwater.chunks FORCE ROW LEVEL SECURITY;
CREATE TABLE headwater.commits (
    tenant text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    request_hash text NOT NULL COLLATE pg_catalog."C",
    receipt jsonb DEFAULT 'null'::jsonb NOT NULL,
    refuted boolean DEFAULT false NOT NULL,
    created_at bigint NOT NULL
);
ALTER TABLE ONLY headwater.commits FORCE ROW LEVEL SECURITY;
CREATE TABLE headwater.documents (
    tenant text NOT NULL COLLATE pg_catalog."C",
    collection text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint DEFAULT 0 NOT NULL,
    fence bigint DEFAULT 0 NOT NULL,
    payload_fence bigint DEFAULT 0 NOT NULL,
    created_at bigint DEFAULT 0 NOT NULL,
    updated_at bigint DEFAULT 0 NOT NULL,
    deleted_at bigint DEFAULT 0,
    content_hash text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    payload_hash text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    content_type text DEFAULT ''::text NOT NULL,
    status text DEFAULT ''::text NOT NULL,
    source text,
    title text DEFAULT ''::text NOT NULL,
    leaves jsonb DEFAULT '{}'::jsonb NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    text text DEFAULT ''::text NOT NULL,
    blob_key text COLLATE pg_catalog."C",
    blob_size bigint,
    blob_type text,
    CONSTRAINT documents_blob_whole CHECK ((num_nulls(blob_key, blob_size, blob_type) = ANY (ARRAY[0, 3])))
);
ALTER TABLE ONLY headwater.documents FORCE ROW LEVEL SECURITY;
CREATE TABLE headwater.embedding_reservations (
    tenant text NOT NULL COLLATE pg_catalog."C",
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    input_hash text NOT NULL COLLATE pg_catalog."C",
    token text NOT NULL COLLATE pg_catalog."C",
    until timestamp with time zone NOT NULL
);
ALTER TABLE ONLY headwater.embedding_reservations FORCE ROW LEVEL SECURITY;
CREATE TABLE headwater.embeddings (
    tenant text NOT NULL COLLATE pg_catalog."C",
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    input_hash text NOT NULL COLLATE pg_catalog."C",
    stored_at bigint NOT NULL,
    vector bytea NOT NULL
);
ALTER TABLE ONLY headwater.embeddings ALTER COLUMN vector SET STORAGE EXTERNAL;
ALTER TABLE ONLY headwater.embeddings FORCE ROW LEVEL SECURITY;
CREATE SEQUENCE headwater.fences
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE headwater.generations (
    id bigint NOT NULL,
    target text NOT NULL COLLATE pg_catalog."C",
    collection text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    fingerprint text COLLATE pg_catalog."C",
    dimensions integer,
    language text,
    chunking text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    checkpoint text,
    error text,
    created_at bigint NOT NULL,
    switched_at bigint,
    CONSTRAINT generations_state CHECK ((state = ANY (ARRAY['building'::text, 'live'::text, 'standby'::text, 'dropped'::text]))),
    CONSTRAINT generations_target CHECK ((target = ANY (ARRAY['vector'::text, 'text'::text])))
);
ALTER TABLE headwater.generations ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME headwater.generations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE headwater.jobs (
    target text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    collection text NOT NULL COLLATE pg_catalog."C",
    document text NOT NULL COLLATE pg_catalog."C",
    since bigint NOT NULL,
    fence bigint NOT NULL,
    first bigint NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    parked_at timestamp with time zone,
    lease_until timestamp with time zone,
    claim_token text COLLATE pg_catalog."C",
    reason text,
    CONSTRAINT jobs_claimed CHECK (((claim_token IS NULL) = (lease_until IS NULL))),
    CONSTRAINT jobs_target CHECK ((target = ANY (ARRAY['vector'::text, 'text'::text, 'cache'::text])))
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0');
ALTER TABLE ONLY headwater.jobs FORCE ROW LEVEL SECURITY;
CREATE TABLE headwater.migrations (
    name character varying(255) NOT NULL,
    "timestamp" character varying(255) NOT NULL
);
CREATE TABLE headwater.migrations_lock (
    id character varying(255) NOT NULL,
    is_locked integer DEFAULT 0 NOT NULL
);
CREATE TABLE headwater.registry (
    name text NOT NULL COLLATE pg_catalog."C",
    value jsonb NOT NULL
);
CREATE TABLE headwater.workers (
    worker text NOT NULL COLLATE pg_catalog."C",
    seen_at bigint NOT NULL
);
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', 'f55b9c6a-5283-5069-a3a5-2c0b1c9142e9', 'handbook', 1099511627779, NULL, 0, 0, 56, 'cfd6394e14fb0543a912309d3dddf505d5584daf1954a62e087652e1fec6d517', '{}', 'Parental leave lasts a year. It is asked for in writing.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', '65bc9ae8-b20d-5b98-8228-c0b47eaae441', 'canteen', 1099511627781, NULL, 0, 0, 47, 'b1cfa85268d936b4d01c64962172967fd4802d8fbd270dfb021ecab2b26eba32', '{}', 'Lunch is served at noon. Leave the trays there.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', '7a106aea-4a56-56f5-a4d2-6fd1065fb822', 'paged', 1099511627782, NULL, 0, 0, 18, '1bcba8b1df635a245adcb8754c62b21fb51ed958b7c6496a16c8d2beb6f388e9', '{"page": 1}', 'Leave on page one.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', 'af123335-3ff0-5ea9-aaa8-2ba94d7580e0', 'paged', 1099511627782, NULL, 1, 19, 37, '09b6c215fabd67ce3474f3e187e81e7e563a60f90d97627cdf286d823f7d39c8', '{"page": 2}', 'Leave on page two.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', '5b0bdcce-e4fe-5ae8-adaf-d521af9d204d', 'bare', 1099511627783, NULL, 0, 0, 20, 'd7031f0fd6ce05a86ecee168687b0f1ef3a738c646ef16af9f120ff2850daaa0', '{}', 'Nothing but a leave.');
INSERT INTO headwater.chunks VALUES ('globex', 'documents', 'md-v1-1000-1600', '91858a38-aea6-5ce5-a60d-e8b919f2df9b', 'handbook', 1099511627785, NULL, 0, 0, 24, 'a2f471f8cf61562d6573a93deaa13494989fa6b30e58a43b699c23c541e0f45c', '{}', 'Leave of another tenant.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', 'fddcc0e5-a9c2-5e28-8d71-bf6b4e1dc83d', 'travel', 1099511627786, 1795997260199, 0, 0, 62, '0aef5a3e93769f7ab52ce4b079a6aa1d8012b3011a928b3186fc1073d13aa506', '{}', '');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', '21c9c5b2-4a28-5dd9-b9a6-f105b500c428', 'travel', 1099511627786, NULL, 0, 0, 59, 'd5cd852c0bbe3307340d18700abb8780afeee00091a0d64d0bce86c47f17c566', '{}', 'Trains are booked by the office. Leave your receipts there.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', '05f25848-10ba-5a46-884f-f4792b59b2b1', 'deleted', 1099511627787, 1795997260220, 0, 0, 22, '0e8e46ff5e0da69cb43ea200f46036b7d875b2a85226025ba5735edb40cd0c82', '{}', '');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', 'd5d3f2de-3934-5b1a-9ad2-68b1e46efe72', 'waiting', 1099511627790, NULL, 0, 0, 22, 'e2a7b1dd3443684a35fd2a7c65f73fc79fdb395bfc261ae5d73542febb7f5349', '{}', 'Leave that is waiting.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', 'cba59931-6623-5a27-afcd-0501289f6d91', 'claimed', 1099511627791, NULL, 0, 0, 22, 'f9079c54839bb5cfa15b4440fe70ad048f8d1c85a98d374eccb47d9d76587737', '{}', 'Leave that is claimed.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', '7612a595-22ad-5dab-a562-5531e8e22211', 'parked', 1099511627792, NULL, 0, 0, 21, '01736100cad6e9336c8af795cd2da90201ebc7561232bb3d99108c61b7d48a4b', '{}', 'Leave that is parked.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', '794bf1cc-e18e-513c-a240-a52346dd3740', 'short', 1099511627795, 1795997262526, 0, 0, 21, 'd5144229d72d36ee0823bc4a09ec4e9c704f8866800a27721703359c8edf3a68', '{}', '');
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-585e-7b2b-b0fb-6ee3d2a0f0b0', '', 'null', false, 1795997259872);
INSERT INTO headwater.commits VALUES ('globex', 'attempt:01a229c7-58a1-797f-a6ca-cec271511149', '', 'null', false, 1795997259938);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-5993-7ea5-8e67-287b6cbde49d', '', 'null', false, 1795997260191);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-59ab-75ac-b3c0-6d6febb0e115', '', 'null', false, 1795997260205);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-620a-7a20-a8b6-bce3f5b75665', '', 'null', false, 1795997262356);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-622e-732f-bb6a-9ce5e860dc05', '', 'null', false, 1795997262384);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-624b-7b83-b412-9ab507b0a6c7', '', 'null', false, 1795997262417);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-6284-7204-b06d-d43ffcb50e8b', '', 'null', false, 1795997262470);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-62a8-7fa2-8fff-d82e87f42039', '', 'null', false, 1795997262507);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-62b6-77c6-b4d4-51e843b5f737', '', 'null', false, 1795997262522);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'bare', 1, 1099511627783, 1099511627783, 1795997259876, 1795997259876, NULL, '975df2cbaf89a0d8ae78879a2ded6b23e99379126de997785ebc6b88416112cb', 'c97fe579a38fdbd6346b0c620958f3e6e2df2487a5b68228146cb77ea4fb56fe', 'text/plain', 'active', NULL, '', '{}', '{}', 'Nothing but a leave.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'handbook', 1, 1099511627779, 1099511627779, 1795997259876, 1795997259876, NULL, '2207c271ec1a77dffe26b0bb52778c54ed9ff90c3f70c428102f03f3186aa7da', '918ff84f7edc6c81dab9f6f922c126e5b187106261d261e30ccddd78e888ef61', 'text/markdown', 'draft', 'wiki', 'Handbook', '{"d:at": [1704067200000], "n:rate": [2.5], "n:year": [2026], "s:code": ["7"], "s:tags": ["leave", "family"], "s:section": ["hr"]}', '{"at": "2024-01-01T00:00:00Z", "code": "7", "rate": 2.5, "tags": ["leave", "family"], "year": 2026, "section": "hr"}', 'Parental leave lasts a year. It is asked for in writing.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'paged', 1, 1099511627782, 1099511627782, 1795997259876, 1795997259876, NULL, 'a6b1b81a71b615142790800b655a52aa3c4d4ba0316c85910676f81ce247020a', 'e36865b5f9e2983cbccd36326f81fdccb6ecae352a641958c7e2ab5a637bb87a', 'text/plain', 'final', NULL, 'Paged', '{"n:code": [7]}', '{"code": 7}', 'Leave on page one. Leave on page two.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('globex', 'documents', 'handbook', 1, 1099511627785, 1099511627785, 1795997259938, 1795997259938, NULL, 'a674410d509be07c48e294fbb691866400faddf48599f63bfa3932cea4f354cf', '543ab744de2ce59c96ce0d0fdb55c2083102786ecddc0cd3ca4fc5fe8aa33233', 'text/plain', 'active', NULL, '', '{"s:section": ["hr"]}', '{"section": "hr"}', 'Leave of another tenant.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'travel', 2, 1099511627786, 1099511627780, 1795997259876, 1795997260191, NULL, '11a0ff4e7aa10c6b0766057f7b05573c569bd6c75d82e6a373c6752dd3caf6c9', '694575c6e2c40cec31a941758f0631f37cd5035f2be5edcc696728aaa05bc2d1', 'text/plain', 'active', NULL, 'Travel', '{"b:open": [true], "n:rate": [3], "n:year": [2025], "s:section": ["ops"]}', '{"open": true, "rate": 3, "year": 2025, "section": "ops"}', 'Trains are booked by the office. Leave your receipts there.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'deleted', 2, 1099511627787, 1099511627784, 1795997259876, 1795997260205, 1795997260205, '97bbb628929ed163d06e387dc93fef26234fe4ba218fb2ea76891b735b6f5e83', 'c97fe579a38fdbd6346b0c620958f3e6e2df2487a5b68228146cb77ea4fb56fe', 'text/plain', 'active', NULL, '', '{}', '{}', '', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'waiting', 1, 1099511627790, 1099511627790, 1795997262356, 1795997262356, NULL, 'edb9d85435ef3a0a0ff61443b98f2cd3d1547c25762d35e786f1024adf4ed6cc', 'c97fe579a38fdbd6346b0c620958f3e6e2df2487a5b68228146cb77ea4fb56fe', 'text/plain', 'active', NULL, '', '{}', '{}', 'Leave that is waiting.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'claimed', 1, 1099511627791, 1099511627791, 1795997262383, 1795997262383, NULL, '8c498349d0b7b2e5378113253fff770c8219145d26d4b89a2033d721007e3135', 'c97fe579a38fdbd6346b0c620958f3e6e2df2487a5b68228146cb77ea4fb56fe', 'text/plain', 'active', NULL, '', '{}', '{}', 'Leave that is claimed.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'parked', 1, 1099511627792, 1099511627792, 1795997262417, 1795997262417, NULL, 'b97e815c9d68d12bbc720531738c8b758d2800ed9d6d915f6067a77e94301d8b', 'c97fe579a38fdbd6346b0c620958f3e6e2df2487a5b68228146cb77ea4fb56fe', 'text/plain', 'active', NULL, '', '{}', '{}', 'Leave that is parked.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'canteen', 2, 1099511627793, 1099511627793, 1795997259876, 1795997262474, NULL, '6ee314f16bc43fb2bceadaadb6f46600aa03e7db8222a39c4688942c09f6c5d3', 'e56056c75cdd18681afe07a51243cc9caf7e19845d6bf3ea32db7d537c800f7b', 'text/plain', 'active', 'mail', '', '{"n:year": [2030], "s:note": ["nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"], "s:section": ["ops"], "n:nested.list": [1], "s:nested.list": ["two"], "b:nested.list.deep": [false]}', '{"note": "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", "year": 2030, "nested": {"list": [1, "two", {"deep": false}]}, "section": "ops"}', 'Lunch is served at noon. Leave the trays there.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'short', 2, 1099511627795, 1099511627794, 1795997262506, 1795997262522, 1795997262522, '430b3a0f67b36f0a79aca878d8a982b127815584a3e264386b3d502a2d831860', 'c97fe579a38fdbd6346b0c620958f3e6e2df2487a5b68228146cb77ea4fb56fe', 'text/plain', 'active', NULL, '', '{}', '{}', '', NULL, NULL, NULL);
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', '09b6c215fabd67ce3474f3e187e81e7e563a60f90d97627cdf286d823f7d39c8', 1795997259861, '\xd7435abdbcb116bd00000000528c753e666a883e666a883e43f7b2be5e28ebbee3df4f3e666a88be666a883dc899b5bee3df4f3e49b0cbbe528cf53d7433aabd');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', '0aef5a3e93769f7ab52ce4b079a6aa1d8012b3011a928b3186fc1073d13aa506', 1795997259861, '\xa650dabd443aa2bee440b23d412d8b3e1654eb3d1afd263d02ae453ee93e0abee93e0abe024998bedb79443d6d18083f054884be26c05f3ea650da3e717d61be');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', '0e8e46ff5e0da69cb43ea200f46036b7d875b2a85226025ba5735edb40cd0c82', 1795997259861, '\x9784073e958da8bebe5c88be59c3803dbe5c883eba6eca3e2975983eba6ecabe000000006fac86be2975983e00000000be5c883e0000000043e6c7bd2975983e');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', '1bcba8b1df635a245adcb8754c62b21fb51ed958b7c6496a16c8d2beb6f388e9', 1795997259861, '\x00000000225c22bd000000003f47843e00000000d5f9923e6e60b7bda15cfdbe76f75f3e000000003f47043e8143a6be76f75f3ee774dbbe741dd53e8c7a16be');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'b1cfa85268d936b4d01c64962172967fd4802d8fbd270dfb021ecab2b26eba32', 1795997259861, '\x589a28bc4a73cdbeecf212bf9f72313ee6df023d5e15c23ef644b73ef3a0c73d5905603d8ca18abe094c073da88d323ea88db2bd4e173d3ef3a0c73df3a047be');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'cfd6394e14fb0543a912309d3dddf505d5584daf1954a62e087652e1fec6d517', 1795997259861, '\xa83467be1c6022bf92d1003fc843263eb61c80be239dd73d7ce582bd63f74cbe0b5cbbbde98513be5adf633e1e6713be36cda9bd0fa645bd31c12f3e0667d93d');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'd7031f0fd6ce05a86ecee168687b0f1ef3a738c646ef16af9f120ff2850daaa0', 1795997259861, '\xd9d231bed9d2b1bed9d231be235e053f00000000d9d2313ed9d2313ef194c53ed9d231bef194c5bed9d2313e9d6d80be00000000c1109ebdd9d2313ed9d2313e');
INSERT INTO headwater.embeddings VALUES ('globex', 'hashing-v1-16-33689485', 'a2f471f8cf61562d6573a93deaa13494989fa6b30e58a43b699c23c541e0f45c', 1795997259937, '\xf7b7c6bead94b3bead1de4bd34369c3e8a3dd03d5342333e960aff3d13b4623d83b8883e95a892be4967573c88340b3f9b2d5abe00000000960aff3d10a4673e');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'd5cd852c0bbe3307340d18700abb8780afeee00091a0d64d0bce86c47f17c566', 1795997260179, '\xfae606bd123d12bf4ee8d03dfe24f1bdde73533dd9d9cabcefa3973e37ac51be091a293da3876fbd93b6783d7f2d053f497937be5e6f893e829c4a3e93d89bbe');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'e2a7b1dd3443684a35fd2a7c65f73fc79fdb395bfc261ae5d73542febb7f5349', 1795997262346, '\xd738293ed73829be0000000042d5fd3e000000004406bc3e8c6e743e5851083f000000006a6b96be6a6b16bdd738a93e000000000000000000000000d738293e');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'f9079c54839bb5cfa15b4440fe70ad048f8d1c85a98d374eccb47d9d76587737', 1795997262382, '\x51b9e43e807462be0000000007f7cdbe000000005412b63e9ed44c3ebc3437be00000000bc34373e9ed44c3e0000000000000000bc3437bead04c23ead04c23e');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', '01736100cad6e9336c8af795cd2da90201ebc7561232bb3d99108c61b7d48a4b', 1795997262409, '\x3ac847be3ac847be000000003ac8c73e00000000000000003ac8473e9c2d743e8995b1bd84ef20bf3ac8c73e8995b1bd3ac847be000000003ac847be3ac8473e');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'd5144229d72d36ee0823bc4a09ec4e9c704f8866800a27721703359c8edf3a68', 1795997262502, '\x857efdbd899415bf0000000024b58d3e9b283cbeef739d3e24b50d3e857efd3db1ec7b3d99190ebf333a863e59107fbd0000000000000000135e6f3c24b50d3e');
INSERT INTO headwater.generations OVERRIDING SYSTEM VALUE VALUES (1, 'vector', 'documents', 'headwater_705a553b_vector_documents_1', 'hashing-v1-16-33689485', 16, NULL, 'md-v1-1000-1600', 'standby', NULL, NULL, 1795997257396, 1795997257529);
INSERT INTO headwater.generations OVERRIDING SYSTEM VALUE VALUES (3, 'vector', 'documents', 'headwater_705a553b_vector_documents_3', 'hashing-v1-16-33689485', 16, NULL, 'md-v1-1000-1600', 'live', NULL, NULL, 1795997260330, 1795997260499);
INSERT INTO headwater.generations OVERRIDING SYSTEM VALUE VALUES (2, 'text', 'documents', 'text_documents_2', NULL, NULL, 'english', 'md-v1-1000-1600', 'standby', NULL, NULL, 1795997257548, 1795997259216);
INSERT INTO headwater.generations OVERRIDING SYSTEM VALUE VALUES (4, 'text', 'documents', 'text_documents_4', NULL, NULL, 'english', 'md-v1-1000-1600', 'live', NULL, NULL, 1795997260535, 1795997262151);
INSERT INTO headwater.jobs VALUES ('text', 'acme', 'documents', 'waiting', 0, 1099511627790, 1099511627790, 0, '2026-11-30 00:07:42.379621+00', '2026-11-30 00:07:42.379621+00', NULL, NULL, NULL, NULL);
INSERT INTO headwater.jobs VALUES ('vector', 'acme', 'documents', 'waiting', 0, 1099511627790, 1099511627790, 0, '2026-11-30 00:07:42.379669+00', '2026-11-30 00:07:42.379669+00', NULL, NULL, NULL, NULL);
INSERT INTO headwater.jobs VALUES ('text', 'acme', 'documents', 'canteen', 1099511627781, 1099511627793, 1099511627793, 0, '2026-11-30 00:07:42.493619+00', '2026-11-30 00:07:42.493619+00', NULL, NULL, NULL, NULL);
INSERT INTO headwater.jobs VALUES ('vector', 'acme', 'documents', 'canteen', 1099511627781, 1099511627793, 1099511627793, 0, '2026-11-30 00:07:42.493675+00', '2026-11-30 00:07:42.493675+00', NULL, NULL, NULL, NULL);
INSERT INTO headwater.jobs VALUES ('text', 'acme', 'documents', 'short', 0, 1099511627795, 1099511627794, 0, '2026-11-30 00:07:42.516105+00', '2026-11-30 00:07:42.527449+00', NULL, NULL, NULL, NULL);
INSERT INTO headwater.jobs VALUES ('vector', 'acme', 'documents', 'short', 0, 1099511627795, 1099511627794, 0, '2026-11-30 00:07:42.516159+00', '2026-11-30 00:07:42.527508+00', NULL, NULL, NULL, NULL);
INSERT INTO headwater.jobs VALUES ('text', 'acme', 'documents', 'claimed', 0, 1099511627791, 1099511627791, 0, '2026-11-30 00:07:42.396069+00', '2026-11-30 00:08:12.534246+00', NULL, '2026-11-30 00:08:12.534246+00', 'of a process that died', NULL);
INSERT INTO headwater.jobs VALUES ('vector', 'acme', 'documents', 'claimed', 0, 1099511627791, 1099511627791, 0, '2026-11-30 00:07:42.396118+00', '2026-11-30 00:08:12.534246+00', NULL, '2026-11-30 00:08:12.534246+00', 'of a process that died', NULL);
INSERT INTO headwater.jobs VALUES ('text', 'acme', 'documents', 'parked', 0, 1099511627792, 1099511627792, 8, '2026-11-30 00:07:42.460673+00', '2026-11-30 00:07:42.460673+00', '2026-11-30 00:07:42.534246+00', NULL, NULL, 'HW_DATABASE: refused');
INSERT INTO headwater.jobs VALUES ('vector', 'acme', 'documents', 'parked', 0, 1099511627792, 1099511627792, 8, '2026-11-30 00:07:42.460728+00', '2026-11-30 00:07:42.460728+00', '2026-11-30 00:07:42.534246+00', NULL, NULL, 'HW_DATABASE: refused');
INSERT INTO headwater.migrations VALUES ('0001_initial', '2026-11-30T00:07:36.316Z');
INSERT INTO headwater.migrations VALUES ('0002_document_blobs', '2026-11-30T00:07:36.375Z');
INSERT INTO headwater.migrations VALUES ('0003_embedding_reservations', '2026-11-30T00:07:36.452Z');
INSERT INTO headwater.migrations_lock VALUES ('migration_lock', 0);
INSERT INTO headwater.registry VALUES ('epoch', '1');
INSERT INTO headwater.registry VALUES ('topology', '{"text": "elasticsearch", "vector": "qdrant"}');
INSERT INTO headwater.registry VALUES ('installation', '"705a553b"');
INSERT INTO headwater.registry VALUES ('database', '{"system": "7713734552655502728", "tables": "22785/22801", "timeline": 1}');
INSERT INTO headwater.registry VALUES ('index:1', '{"mark": {"at": 1795997257512, "fence": 1099511627777}, "check": null, "sweep": null, "sweptAt": 1795997257512}');
INSERT INTO headwater.registry VALUES ('index:2', '{"mark": {"at": 1795997258871, "fence": 1099511627778}, "check": null, "sweep": null, "sweptAt": 1795997258871}');
INSERT INTO headwater.registry VALUES ('index:3', '{"mark": {"at": 1795997260435, "fence": 1099511627788}, "check": null, "sweep": null, "sweptAt": 1795997260435}');
INSERT INTO headwater.registry VALUES ('index:4', '{"mark": {"at": 1795997261440, "fence": 1099511627789}, "check": null, "sweep": null, "sweptAt": 1795997261440}');
SELECT pg_catalog.setval('headwater.fences', 19, true);
SELECT pg_catalog.setval('headwater.generations_id_seq', 4, true);
ALTER TABLE ONLY headwater.blob_removals
    ADD CONSTRAINT blob_removals_pkey PRIMARY KEY (tenant, key);
ALTER TABLE ONLY headwater.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (tenant, collection, chunking, id);
ALTER TABLE ONLY headwater.commits
    ADD CONSTRAINT commits_pkey PRIMARY KEY (tenant, key);
ALTER TABLE ONLY headwater.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (tenant, collection, id);
ALTER TABLE ONLY headwater.embedding_reservations
    ADD CONSTRAINT embedding_reservations_pkey PRIMARY KEY (tenant, fingerprint, input_hash);
ALTER TABLE ONLY headwater.embeddings
    ADD CONSTRAINT embeddings_pkey PRIMARY KEY (tenant, fingerprint, input_hash);
ALTER TABLE ONLY headwater.generations
    ADD CONSTRAINT generations_live EXCLUDE USING btree (target WITH =, collection WITH =) WHERE ((state = 'live'::text)) DEFERRABLE;
ALTER TABLE ONLY headwater.generations
    ADD CONSTRAINT generations_name_key UNIQUE (name);
ALTER TABLE ONLY headwater.generations
    ADD CONSTRAINT generations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY headwater.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (target, tenant, collection, document);
ALTER TABLE ONLY headwater.migrations_lock
    ADD CONSTRAINT migrations_lock_pkey PRIMARY KEY (id);
ALTER TABLE ONLY headwater.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);
ALTER TABLE ONLY headwater.registry
    ADD CONSTRAINT registry_pkey PRIMARY KEY (name);
ALTER TABLE ONLY headwater.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (worker);
CREATE INDEX chunks_document ON headwater.chunks USING btree (tenant, collection, document, chunking);
CREATE INDEX chunks_input ON headwater.chunks USING hash (input_hash);
CREATE INDEX chunks_removed_at ON headwater.chunks USING btree (removed_at) WHERE (removed_at IS NOT NULL);
CREATE INDEX chunks_scan ON headwater.chunks USING btree (collection, chunking, id) WHERE (removed_at IS NULL);
CREATE INDEX commits_created_at ON headwater.commits USING btree (created_at);
CREATE INDEX documents_blob ON headwater.documents USING btree (tenant, blob_key, collection, id) WHERE (blob_key IS NOT NULL);
CREATE INDEX documents_deleted ON headwater.documents USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE INDEX embeddings_stored_at ON headwater.embeddings USING btree (stored_at);
CREATE INDEX jobs_claimed_by ON headwater.jobs USING btree (claim_token) WHERE (claim_token IS NOT NULL);
CREATE INDEX jobs_due ON headwater.jobs USING btree (target, due_at, first) WHERE (parked_at IS NULL);
CREATE INDEX jobs_first ON headwater.jobs USING btree (tenant, first);
CREATE INDEX jobs_parked ON headwater.jobs USING btree (tenant, first) WHERE (parked_at IS NOT NULL);
ALTER TABLE headwater.blob_removals ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.commits ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.embedding_reservations ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.embeddings ENABLE ROW LEVEL SECURITY;
CREATE POLICY headwater_owner ON headwater.blob_removals TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.chunks TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.commits TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.documents TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.embedding_reservations TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.embeddings TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.jobs TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_tenant ON headwater.blob_removals USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.chunks USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.commits USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.documents USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.embedding_reservations USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.embeddings USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.jobs USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
ALTER TABLE headwater.jobs ENABLE ROW LEVEL SECURITY;
