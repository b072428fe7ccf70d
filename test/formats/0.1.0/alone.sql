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
CREATE TABLE headwater.text_documents_2 (
    id uuid NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    document text NOT NULL,
    source text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    fence bigint NOT NULL,
    stamp text NOT NULL,
    leaves jsonb NOT NULL,
    number bigint NOT NULL,
    title text NOT NULL,
    text text NOT NULL
);
ALTER TABLE ONLY headwater.text_documents_2 FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE headwater.text_documents_2 IS 'headwater texts {"language":"english"}
{"installation":"9c08a237","generation":2,"epoch":1,"fence":1099511627778,"system":"7713734552655502728","timeline":1}';
CREATE SEQUENCE headwater.text_documents_2_numbers
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE headwater.text_documents_2_postings (
    tenant text NOT NULL COLLATE pg_catalog."C",
    bucket integer NOT NULL,
    segment bigint NOT NULL,
    block bytea NOT NULL
);
ALTER TABLE ONLY headwater.text_documents_2_postings ALTER COLUMN block SET STORAGE EXTERNAL;
ALTER TABLE ONLY headwater.text_documents_2_postings FORCE ROW LEVEL SECURITY;
CREATE TABLE headwater.text_documents_2_segments (
    tenant text NOT NULL COLLATE pg_catalog."C",
    segment bigint NOT NULL,
    entries bigint NOT NULL,
    length bigint NOT NULL,
    dead bigint NOT NULL,
    bits integer NOT NULL
);
ALTER TABLE ONLY headwater.text_documents_2_segments FORCE ROW LEVEL SECURITY;
CREATE TABLE headwater.text_documents_4 (
    id uuid NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    document text NOT NULL,
    source text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    fence bigint NOT NULL,
    stamp text NOT NULL,
    leaves jsonb NOT NULL,
    number bigint NOT NULL,
    title text NOT NULL,
    text text NOT NULL
);
ALTER TABLE ONLY headwater.text_documents_4 FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE headwater.text_documents_4 IS 'headwater texts {"language":"english"}
{"installation":"9c08a237","generation":4,"epoch":1,"fence":1099511627789,"system":"7713734552655502728","timeline":1}';
CREATE SEQUENCE headwater.text_documents_4_numbers
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE headwater.text_documents_4_postings (
    tenant text NOT NULL COLLATE pg_catalog."C",
    bucket integer NOT NULL,
    segment bigint NOT NULL,
    block bytea NOT NULL
);
ALTER TABLE ONLY headwater.text_documents_4_postings ALTER COLUMN block SET STORAGE EXTERNAL;
ALTER TABLE ONLY headwater.text_documents_4_postings FORCE ROW LEVEL SECURITY;
CREATE TABLE headwater.text_documents_4_segments (
    tenant text NOT NULL COLLATE pg_catalog."C",
    segment bigint NOT NULL,
    entries bigint NOT NULL,
    length bigint NOT NULL,
    dead bigint NOT NULL,
    bits integer NOT NULL
);
ALTER TABLE ONLY headwater.text_documents_4_segments FORCE ROW LEVEL SECURITY;
CREATE TABLE headwater.vector_documents_1 (
    id uuid NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    document text NOT NULL,
    source text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    fence bigint NOT NULL,
    stamp text NOT NULL,
    leaves jsonb NOT NULL,
    embedding public.vector(16) NOT NULL
);
ALTER TABLE ONLY headwater.vector_documents_1 FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE headwater.vector_documents_1 IS 'headwater vectors {"fingerprint":"hashing-v1-16-33689485","dimensions":16}
{"installation":"9c08a237","generation":1,"epoch":1,"fence":1099511627777,"system":"7713734552655502728","timeline":1}';
CREATE TABLE headwater.vector_documents_3 (
    id uuid NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    document text NOT NULL,
    source text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    fence bigint NOT NULL,
    stamp text NOT NULL,
    leaves jsonb NOT NULL,
    embedding public.vector(16) NOT NULL
);
ALTER TABLE ONLY headwater.vector_documents_3 FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE headwater.vector_documents_3 IS 'headwater vectors {"fingerprint":"hashing-v1-16-33689485","dimensions":16}
{"installation":"9c08a237","generation":3,"epoch":1,"fence":1099511627788,"system":"7713734552655502728","timeline":1}';
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
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', 'fddcc0e5-a9c2-5e28-8d71-bf6b4e1dc83d', 'travel', 1099511627786, 1795997251231, 0, 0, 62, '0aef5a3e93769f7ab52ce4b079a6aa1d8012b3011a928b3186fc1073d13aa506', '{}', '');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', '21c9c5b2-4a28-5dd9-b9a6-f105b500c428', 'travel', 1099511627786, NULL, 0, 0, 59, 'd5cd852c0bbe3307340d18700abb8780afeee00091a0d64d0bce86c47f17c566', '{}', 'Trains are booked by the office. Leave your receipts there.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', '05f25848-10ba-5a46-884f-f4792b59b2b1', 'deleted', 1099511627787, 1795997251235, 0, 0, 22, '0e8e46ff5e0da69cb43ea200f46036b7d875b2a85226025ba5735edb40cd0c82', '{}', '');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', 'd5d3f2de-3934-5b1a-9ad2-68b1e46efe72', 'waiting', 1099511627790, NULL, 0, 0, 22, 'e2a7b1dd3443684a35fd2a7c65f73fc79fdb395bfc261ae5d73542febb7f5349', '{}', 'Leave that is waiting.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', 'cba59931-6623-5a27-afcd-0501289f6d91', 'claimed', 1099511627791, NULL, 0, 0, 22, 'f9079c54839bb5cfa15b4440fe70ad048f8d1c85a98d374eccb47d9d76587737', '{}', 'Leave that is claimed.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', '7612a595-22ad-5dab-a562-5531e8e22211', 'parked', 1099511627792, NULL, 0, 0, 21, '01736100cad6e9336c8af795cd2da90201ebc7561232bb3d99108c61b7d48a4b', '{}', 'Leave that is parked.');
INSERT INTO headwater.chunks VALUES ('acme', 'documents', 'md-v1-1000-1600', '794bf1cc-e18e-513c-a240-a52346dd3740', 'short', 1099511627795, 1795997251791, 0, 0, 21, 'd5144229d72d36ee0823bc4a09ec4e9c704f8866800a27721703359c8edf3a68', '{}', '');
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-352c-7494-a4f6-0160c25b803e', '', 'null', false, 1795997250867);
INSERT INTO headwater.commits VALUES ('globex', 'attempt:01a229c7-3592-7d87-b95d-df7b113514b7', '', 'null', false, 1795997250965);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-3698-75c9-bc00-3a7ac92da2db', '', 'null', false, 1795997251225);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-36a0-7be0-b25d-c77414264e8a', '', 'null', false, 1795997251233);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-382b-7db7-a385-4387a19fade8', '', 'null', false, 1795997251631);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-3847-7ca1-aefb-5889c7ce224d', '', 'null', false, 1795997251656);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-3863-743f-a874-975e22847481', '', 'null', false, 1795997251684);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-387b-7847-8b20-fedbacedd1e7', '', 'null', false, 1795997251708);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-38a3-7797-85fb-6050d2a96e2c', '', 'null', false, 1795997251748);
INSERT INTO headwater.commits VALUES ('acme', 'attempt:01a229c7-38b7-7df5-b5f4-f98badbb3b24', '', 'null', false, 1795997251772);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'bare', 1, 1099511627783, 1099511627783, 1795997250869, 1795997250869, NULL, '975df2cbaf89a0d8ae78879a2ded6b23e99379126de997785ebc6b88416112cb', 'c97fe579a38fdbd6346b0c620958f3e6e2df2487a5b68228146cb77ea4fb56fe', 'text/plain', 'active', NULL, '', '{}', '{}', 'Nothing but a leave.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'handbook', 1, 1099511627779, 1099511627779, 1795997250869, 1795997250869, NULL, '2207c271ec1a77dffe26b0bb52778c54ed9ff90c3f70c428102f03f3186aa7da', '918ff84f7edc6c81dab9f6f922c126e5b187106261d261e30ccddd78e888ef61', 'text/markdown', 'draft', 'wiki', 'Handbook', '{"d:at": [1704067200000], "n:rate": [2.5], "n:year": [2026], "s:code": ["7"], "s:tags": ["leave", "family"], "s:section": ["hr"]}', '{"at": "2024-01-01T00:00:00Z", "code": "7", "rate": 2.5, "tags": ["leave", "family"], "year": 2026, "section": "hr"}', 'Parental leave lasts a year. It is asked for in writing.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'paged', 1, 1099511627782, 1099511627782, 1795997250869, 1795997250869, NULL, 'a6b1b81a71b615142790800b655a52aa3c4d4ba0316c85910676f81ce247020a', 'e36865b5f9e2983cbccd36326f81fdccb6ecae352a641958c7e2ab5a637bb87a', 'text/plain', 'final', NULL, 'Paged', '{"n:code": [7]}', '{"code": 7}', 'Leave on page one. Leave on page two.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('globex', 'documents', 'handbook', 1, 1099511627785, 1099511627785, 1795997250966, 1795997250966, NULL, 'a674410d509be07c48e294fbb691866400faddf48599f63bfa3932cea4f354cf', '543ab744de2ce59c96ce0d0fdb55c2083102786ecddc0cd3ca4fc5fe8aa33233', 'text/plain', 'active', NULL, '', '{"s:section": ["hr"]}', '{"section": "hr"}', 'Leave of another tenant.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'travel', 2, 1099511627786, 1099511627780, 1795997250869, 1795997251225, NULL, '11a0ff4e7aa10c6b0766057f7b05573c569bd6c75d82e6a373c6752dd3caf6c9', '694575c6e2c40cec31a941758f0631f37cd5035f2be5edcc696728aaa05bc2d1', 'text/plain', 'active', NULL, 'Travel', '{"b:open": [true], "n:rate": [3], "n:year": [2025], "s:section": ["ops"]}', '{"open": true, "rate": 3, "year": 2025, "section": "ops"}', 'Trains are booked by the office. Leave your receipts there.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'deleted', 2, 1099511627787, 1099511627784, 1795997250869, 1795997251233, 1795997251233, '97bbb628929ed163d06e387dc93fef26234fe4ba218fb2ea76891b735b6f5e83', 'c97fe579a38fdbd6346b0c620958f3e6e2df2487a5b68228146cb77ea4fb56fe', 'text/plain', 'active', NULL, '', '{}', '{}', '', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'waiting', 1, 1099511627790, 1099511627790, 1795997251631, 1795997251631, NULL, 'edb9d85435ef3a0a0ff61443b98f2cd3d1547c25762d35e786f1024adf4ed6cc', 'c97fe579a38fdbd6346b0c620958f3e6e2df2487a5b68228146cb77ea4fb56fe', 'text/plain', 'active', NULL, '', '{}', '{}', 'Leave that is waiting.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'claimed', 1, 1099511627791, 1099511627791, 1795997251656, 1795997251656, NULL, '8c498349d0b7b2e5378113253fff770c8219145d26d4b89a2033d721007e3135', 'c97fe579a38fdbd6346b0c620958f3e6e2df2487a5b68228146cb77ea4fb56fe', 'text/plain', 'active', NULL, '', '{}', '{}', 'Leave that is claimed.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'parked', 1, 1099511627792, 1099511627792, 1795997251684, 1795997251684, NULL, 'b97e815c9d68d12bbc720531738c8b758d2800ed9d6d915f6067a77e94301d8b', 'c97fe579a38fdbd6346b0c620958f3e6e2df2487a5b68228146cb77ea4fb56fe', 'text/plain', 'active', NULL, '', '{}', '{}', 'Leave that is parked.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'canteen', 2, 1099511627793, 1099511627793, 1795997250869, 1795997251708, NULL, '6ee314f16bc43fb2bceadaadb6f46600aa03e7db8222a39c4688942c09f6c5d3', 'e56056c75cdd18681afe07a51243cc9caf7e19845d6bf3ea32db7d537c800f7b', 'text/plain', 'active', 'mail', '', '{"n:year": [2030], "s:note": ["nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"], "s:section": ["ops"], "n:nested.list": [1], "s:nested.list": ["two"], "b:nested.list.deep": [false]}', '{"note": "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", "year": 2030, "nested": {"list": [1, "two", {"deep": false}]}, "section": "ops"}', 'Lunch is served at noon. Leave the trays there.', NULL, NULL, NULL);
INSERT INTO headwater.documents VALUES ('acme', 'documents', 'short', 2, 1099511627795, 1099511627794, 1795997251748, 1795997251775, 1795997251775, '430b3a0f67b36f0a79aca878d8a982b127815584a3e264386b3d502a2d831860', 'c97fe579a38fdbd6346b0c620958f3e6e2df2487a5b68228146cb77ea4fb56fe', 'text/plain', 'active', NULL, '', '{}', '{}', '', NULL, NULL, NULL);
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', '09b6c215fabd67ce3474f3e187e81e7e563a60f90d97627cdf286d823f7d39c8', 1795997250860, '\xd7435abdbcb116bd00000000528c753e666a883e666a883e43f7b2be5e28ebbee3df4f3e666a88be666a883dc899b5bee3df4f3e49b0cbbe528cf53d7433aabd');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', '0aef5a3e93769f7ab52ce4b079a6aa1d8012b3011a928b3186fc1073d13aa506', 1795997250860, '\xa650dabd443aa2bee440b23d412d8b3e1654eb3d1afd263d02ae453ee93e0abee93e0abe024998bedb79443d6d18083f054884be26c05f3ea650da3e717d61be');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', '0e8e46ff5e0da69cb43ea200f46036b7d875b2a85226025ba5735edb40cd0c82', 1795997250860, '\x9784073e958da8bebe5c88be59c3803dbe5c883eba6eca3e2975983eba6ecabe000000006fac86be2975983e00000000be5c883e0000000043e6c7bd2975983e');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', '1bcba8b1df635a245adcb8754c62b21fb51ed958b7c6496a16c8d2beb6f388e9', 1795997250860, '\x00000000225c22bd000000003f47843e00000000d5f9923e6e60b7bda15cfdbe76f75f3e000000003f47043e8143a6be76f75f3ee774dbbe741dd53e8c7a16be');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'b1cfa85268d936b4d01c64962172967fd4802d8fbd270dfb021ecab2b26eba32', 1795997250860, '\x589a28bc4a73cdbeecf212bf9f72313ee6df023d5e15c23ef644b73ef3a0c73d5905603d8ca18abe094c073da88d323ea88db2bd4e173d3ef3a0c73df3a047be');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'cfd6394e14fb0543a912309d3dddf505d5584daf1954a62e087652e1fec6d517', 1795997250860, '\xa83467be1c6022bf92d1003fc843263eb61c80be239dd73d7ce582bd63f74cbe0b5cbbbde98513be5adf633e1e6713be36cda9bd0fa645bd31c12f3e0667d93d');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'd7031f0fd6ce05a86ecee168687b0f1ef3a738c646ef16af9f120ff2850daaa0', 1795997250860, '\xd9d231bed9d2b1bed9d231be235e053f00000000d9d2313ed9d2313ef194c53ed9d231bef194c5bed9d2313e9d6d80be00000000c1109ebdd9d2313ed9d2313e');
INSERT INTO headwater.embeddings VALUES ('globex', 'hashing-v1-16-33689485', 'a2f471f8cf61562d6573a93deaa13494989fa6b30e58a43b699c23c541e0f45c', 1795997250956, '\xf7b7c6bead94b3bead1de4bd34369c3e8a3dd03d5342333e960aff3d13b4623d83b8883e95a892be4967573c88340b3f9b2d5abe00000000960aff3d10a4673e');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'd5cd852c0bbe3307340d18700abb8780afeee00091a0d64d0bce86c47f17c566', 1795997251224, '\xfae606bd123d12bf4ee8d03dfe24f1bdde73533dd9d9cabcefa3973e37ac51be091a293da3876fbd93b6783d7f2d053f497937be5e6f893e829c4a3e93d89bbe');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'e2a7b1dd3443684a35fd2a7c65f73fc79fdb395bfc261ae5d73542febb7f5349', 1795997251627, '\xd738293ed73829be0000000042d5fd3e000000004406bc3e8c6e743e5851083f000000006a6b96be6a6b16bdd738a93e000000000000000000000000d738293e');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'f9079c54839bb5cfa15b4440fe70ad048f8d1c85a98d374eccb47d9d76587737', 1795997251656, '\x51b9e43e807462be0000000007f7cdbe000000005412b63e9ed44c3ebc3437be00000000bc34373e9ed44c3e0000000000000000bc3437bead04c23ead04c23e');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', '01736100cad6e9336c8af795cd2da90201ebc7561232bb3d99108c61b7d48a4b', 1795997251683, '\x3ac847be3ac847be000000003ac8c73e00000000000000003ac8473e9c2d743e8995b1bd84ef20bf3ac8c73e8995b1bd3ac847be000000003ac847be3ac8473e');
INSERT INTO headwater.embeddings VALUES ('acme', 'hashing-v1-16-33689485', 'd5144229d72d36ee0823bc4a09ec4e9c704f8866800a27721703359c8edf3a68', 1795997251747, '\x857efdbd899415bf0000000024b58d3e9b283cbeef739d3e24b50d3e857efd3db1ec7b3d99190ebf333a863e59107fbd0000000000000000135e6f3c24b50d3e');
INSERT INTO headwater.generations OVERRIDING SYSTEM VALUE VALUES (1, 'vector', 'documents', 'vector_documents_1', 'hashing-v1-16-33689485', 16, NULL, 'md-v1-1000-1600', 'standby', NULL, NULL, 1795997250586, 1795997250695);
INSERT INTO headwater.generations OVERRIDING SYSTEM VALUE VALUES (3, 'vector', 'documents', 'vector_documents_3', 'hashing-v1-16-33689485', 16, NULL, 'md-v1-1000-1600', 'live', NULL, NULL, 1795997251266, 1795997251432);
INSERT INTO headwater.generations OVERRIDING SYSTEM VALUE VALUES (2, 'text', 'documents', 'text_documents_2', NULL, NULL, 'english', 'md-v1-1000-1600', 'standby', NULL, NULL, 1795997250710, 1795997250824);
INSERT INTO headwater.generations OVERRIDING SYSTEM VALUE VALUES (4, 'text', 'documents', 'text_documents_4', NULL, NULL, 'english', 'md-v1-1000-1600', 'live', NULL, NULL, 1795997251454, 1795997251604);
INSERT INTO headwater.jobs VALUES ('text', 'acme', 'documents', 'waiting', 0, 1099511627790, 1099511627790, 0, '2026-11-30 00:07:31.638842+00', '2026-11-30 00:07:31.638842+00', NULL, NULL, NULL, NULL);
INSERT INTO headwater.jobs VALUES ('vector', 'acme', 'documents', 'waiting', 0, 1099511627790, 1099511627790, 0, '2026-11-30 00:07:31.6389+00', '2026-11-30 00:07:31.6389+00', NULL, NULL, NULL, NULL);
INSERT INTO headwater.jobs VALUES ('text', 'acme', 'documents', 'canteen', 1099511627781, 1099511627793, 1099511627793, 0, '2026-11-30 00:07:31.734391+00', '2026-11-30 00:07:31.734391+00', NULL, NULL, NULL, NULL);
INSERT INTO headwater.jobs VALUES ('vector', 'acme', 'documents', 'canteen', 1099511627781, 1099511627793, 1099511627793, 0, '2026-11-30 00:07:31.734446+00', '2026-11-30 00:07:31.734446+00', NULL, NULL, NULL, NULL);
INSERT INTO headwater.jobs VALUES ('text', 'acme', 'documents', 'short', 0, 1099511627795, 1099511627794, 0, '2026-11-30 00:07:31.759833+00', '2026-11-30 00:07:31.797416+00', NULL, NULL, NULL, NULL);
INSERT INTO headwater.jobs VALUES ('vector', 'acme', 'documents', 'short', 0, 1099511627795, 1099511627794, 0, '2026-11-30 00:07:31.759888+00', '2026-11-30 00:07:31.79749+00', NULL, NULL, NULL, NULL);
INSERT INTO headwater.jobs VALUES ('text', 'acme', 'documents', 'claimed', 0, 1099511627791, 1099511627791, 0, '2026-11-30 00:07:31.663663+00', '2026-11-30 00:08:01.806247+00', NULL, '2026-11-30 00:08:01.806247+00', 'of a process that died', NULL);
INSERT INTO headwater.jobs VALUES ('vector', 'acme', 'documents', 'claimed', 0, 1099511627791, 1099511627791, 0, '2026-11-30 00:07:31.663716+00', '2026-11-30 00:08:01.806247+00', NULL, '2026-11-30 00:08:01.806247+00', 'of a process that died', NULL);
INSERT INTO headwater.jobs VALUES ('text', 'acme', 'documents', 'parked', 0, 1099511627792, 1099511627792, 8, '2026-11-30 00:07:31.702266+00', '2026-11-30 00:07:31.702266+00', '2026-11-30 00:07:31.806247+00', NULL, NULL, 'HW_DATABASE: refused');
INSERT INTO headwater.jobs VALUES ('vector', 'acme', 'documents', 'parked', 0, 1099511627792, 1099511627792, 8, '2026-11-30 00:07:31.702324+00', '2026-11-30 00:07:31.702324+00', '2026-11-30 00:07:31.806247+00', NULL, NULL, 'HW_DATABASE: refused');
INSERT INTO headwater.migrations VALUES ('0001_initial', '2026-11-30T00:07:30.444Z');
INSERT INTO headwater.migrations VALUES ('0002_document_blobs', '2026-11-30T00:07:30.469Z');
INSERT INTO headwater.migrations VALUES ('0003_embedding_reservations', '2026-11-30T00:07:30.492Z');
INSERT INTO headwater.migrations_lock VALUES ('migration_lock', 0);
INSERT INTO headwater.registry VALUES ('epoch', '1');
INSERT INTO headwater.registry VALUES ('topology', '{"text": "postgres", "vector": "postgres"}');
INSERT INTO headwater.registry VALUES ('installation', '"9c08a237"');
INSERT INTO headwater.registry VALUES ('database', '{"system": "7713734552655502728", "tables": "22207/22223", "timeline": 1}');
INSERT INTO headwater.registry VALUES ('index:1', '{"mark": {"at": 1795997250676, "fence": 1099511627777}, "check": null, "sweep": null, "sweptAt": 1795997250676}');
INSERT INTO headwater.registry VALUES ('index:2', '{"mark": {"at": 1795997250817, "fence": 1099511627778}, "check": null, "sweep": null, "sweptAt": 1795997250817}');
INSERT INTO headwater.registry VALUES ('index:3', '{"mark": {"at": 1795997251332, "fence": 1099511627788}, "check": null, "sweep": null, "sweptAt": 1795997251332}');
INSERT INTO headwater.registry VALUES ('index:4', '{"mark": {"at": 1795997251536, "fence": 1099511627789}, "check": null, "sweep": null, "sweptAt": 1795997251536}');
INSERT INTO headwater.text_documents_2 VALUES ('5b0bdcce-e4fe-5ae8-adaf-d521af9d204d', 'acme', 'bare', NULL, 1795997250869, 1795997250869, 1, 1099511627783, 'dfbb9a4a896fd7ddc97fe579a38fdbd6', '{}', 1, '', 'Nothing but a leave.');
INSERT INTO headwater.text_documents_2 VALUES ('65bc9ae8-b20d-5b98-8228-c0b47eaae441', 'acme', 'canteen', 'mail', 1795997250869, 1795997250869, 1, 1099511627781, '4e34f62aebc30b97a8b05d85b8972d64', '{"n:year": [2024], "s:note": ["nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"], "s:section": ["ops"], "n:nested.list": [1], "s:nested.list": ["two"], "b:nested.list.deep": [false]}', 2, '', 'Lunch is served at noon. Leave the trays there.');
INSERT INTO headwater.text_documents_2 VALUES ('7a106aea-4a56-56f5-a4d2-6fd1065fb822', 'acme', 'paged', NULL, 1795997250869, 1795997250869, 1, 1099511627782, 'c9590a00c95d7c6ce36865b5f9e2983c', '{"n:code": [7]}', 5, 'Paged', 'Leave on page one.');
INSERT INTO headwater.text_documents_2 VALUES ('91858a38-aea6-5ce5-a60d-e8b919f2df9b', 'globex', 'handbook', NULL, 1795997250966, 1795997250966, 1, 1099511627785, '5416d3762841ecae543ab744de2ce59c', '{"s:section": ["hr"]}', 8, '', 'Leave of another tenant.');
INSERT INTO headwater.text_documents_2 VALUES ('af123335-3ff0-5ea9-aaa8-2ba94d7580e0', 'acme', 'paged', NULL, 1795997250869, 1795997250869, 1, 1099511627782, '63c6ce2810f49378e36865b5f9e2983c', '{"n:code": [7]}', 6, 'Paged', 'Leave on page two.');
INSERT INTO headwater.text_documents_2 VALUES ('f55b9c6a-5283-5069-a3a5-2c0b1c9142e9', 'acme', 'handbook', 'wiki', 1795997250869, 1795997250869, 1, 1099511627779, '11d6911c3554126f918ff84f7edc6c81', '{"d:at": [1704067200000], "n:rate": [2.5], "n:year": [2026], "s:code": ["7"], "s:tags": ["leave", "family"], "s:section": ["hr"]}', 4, 'Handbook', 'Parental leave lasts a year. It is asked for in writing.');
INSERT INTO headwater.text_documents_2 VALUES ('21c9c5b2-4a28-5dd9-b9a6-f105b500c428', 'acme', 'travel', NULL, 1795997250869, 1795997251225, 2, 1099511627786, '90e3ddd6af98be5d694575c6e2c40cec', '{"b:open": [true], "n:rate": [3], "n:year": [2025], "s:section": ["ops"]}', 12, 'Travel', 'Trains are booked by the office. Leave your receipts there.');
INSERT INTO headwater.text_documents_2_postings VALUES ('acme', 1, 9, '\x046e6f74680103010102046c6561760715010102010105010102010107010104010104010107056c756e6368010302010504736572760103020105046e6f6f6e0103020105047472617901030201050564656c657401030301020868616e64626f6f6b010304010706706172656e740103040107046c6173740103040107047965617201030401070361736b0103040107057772697465010304010704706167650206050204010204036f6e6501030501040374776f01030601040674726176656c010307020705747261696e010307010704626f6f6b0103070107056f66666963010307010706726561736f6e0103070107');
INSERT INTO headwater.text_documents_2_postings VALUES ('globex', 1, 10, '\x046c656176010308010305616e6f746801030801030674656e616e740103080103');
INSERT INTO headwater.text_documents_2_postings VALUES ('acme', 1, 13, '\x0674726176656c01030c010605747261696e01030c010604626f6f6b01030c0106056f6666696301030c0106046c65617601030c0106077265636569707401030c0106');
INSERT INTO headwater.text_documents_2_segments VALUES ('acme', 9, 7, 31, 0, 0);
INSERT INTO headwater.text_documents_2_segments VALUES ('globex', 10, 1, 3, 0, 0);
INSERT INTO headwater.text_documents_2_segments VALUES ('acme', 11, 0, 0, 2, 0);
INSERT INTO headwater.text_documents_2_segments VALUES ('acme', 13, 1, 6, 0, 0);
INSERT INTO headwater.text_documents_4 VALUES ('21c9c5b2-4a28-5dd9-b9a6-f105b500c428', 'acme', 'travel', NULL, 1795997250869, 1795997251225, 2, 1099511627786, '90e3ddd6af98be5d694575c6e2c40cec', '{"b:open": [true], "n:rate": [3], "n:year": [2025], "s:section": ["ops"]}', 1, 'Travel', 'Trains are booked by the office. Leave your receipts there.');
INSERT INTO headwater.text_documents_4 VALUES ('5b0bdcce-e4fe-5ae8-adaf-d521af9d204d', 'acme', 'bare', NULL, 1795997250869, 1795997250869, 1, 1099511627783, 'dfbb9a4a896fd7ddc97fe579a38fdbd6', '{}', 2, '', 'Nothing but a leave.');
INSERT INTO headwater.text_documents_4 VALUES ('65bc9ae8-b20d-5b98-8228-c0b47eaae441', 'acme', 'canteen', 'mail', 1795997250869, 1795997250869, 1, 1099511627781, '4e34f62aebc30b97a8b05d85b8972d64', '{"n:year": [2024], "s:note": ["nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"], "s:section": ["ops"], "n:nested.list": [1], "s:nested.list": ["two"], "b:nested.list.deep": [false]}', 3, '', 'Lunch is served at noon. Leave the trays there.');
INSERT INTO headwater.text_documents_4 VALUES ('7a106aea-4a56-56f5-a4d2-6fd1065fb822', 'acme', 'paged', NULL, 1795997250869, 1795997250869, 1, 1099511627782, 'c9590a00c95d7c6ce36865b5f9e2983c', '{"n:code": [7]}', 4, 'Paged', 'Leave on page one.');
INSERT INTO headwater.text_documents_4 VALUES ('91858a38-aea6-5ce5-a60d-e8b919f2df9b', 'globex', 'handbook', NULL, 1795997250966, 1795997250966, 1, 1099511627785, '5416d3762841ecae543ab744de2ce59c', '{"s:section": ["hr"]}', 5, '', 'Leave of another tenant.');
INSERT INTO headwater.text_documents_4 VALUES ('af123335-3ff0-5ea9-aaa8-2ba94d7580e0', 'acme', 'paged', NULL, 1795997250869, 1795997250869, 1, 1099511627782, '63c6ce2810f49378e36865b5f9e2983c', '{"n:code": [7]}', 6, 'Paged', 'Leave on page two.');
INSERT INTO headwater.text_documents_4 VALUES ('f55b9c6a-5283-5069-a3a5-2c0b1c9142e9', 'acme', 'handbook', 'wiki', 1795997250869, 1795997250869, 1, 1099511627779, '11d6911c3554126f918ff84f7edc6c81', '{"d:at": [1704067200000], "n:rate": [2.5], "n:year": [2026], "s:code": ["7"], "s:tags": ["leave", "family"], "s:section": ["hr"]}', 7, 'Handbook', 'Parental leave lasts a year. It is asked for in writing.');
INSERT INTO headwater.text_documents_4_postings VALUES ('acme', 1, 8, '\x0674726176656c010301010605747261696e010301010604626f6f6b0103010106056f666669630103010106046c656176061201010601010201010501010402010401010707726563656970740103010106046e6f74680103020102056c756e6368010303010504736572760103030105046e6f6f6e01030301050474726179010303010504706167650206040204020204036f6e6501030401040374776f01030601040868616e64626f6f6b010307010706706172656e740103070107046c6173740103070107047965617201030701070361736b01030701070577726974650103070107');
INSERT INTO headwater.text_documents_4_postings VALUES ('globex', 1, 9, '\x046c656176010305010305616e6f746801030501030674656e616e740103050103');
INSERT INTO headwater.text_documents_4_segments VALUES ('acme', 8, 6, 28, 0, 0);
INSERT INTO headwater.text_documents_4_segments VALUES ('globex', 9, 1, 3, 0, 0);
INSERT INTO headwater.vector_documents_1 VALUES ('5b0bdcce-e4fe-5ae8-adaf-d521af9d204d', 'acme', 'bare', NULL, 1795997250869, 1795997250869, 1, 1099511627783, '223f64e115017aa7c97fe579a38fdbd6', '{}', '[-0.17365588,-0.34731176,-0.17365588,0.52096766,0,0.17365588,0.17365588,0.38590196,-0.17365588,-0.38590196,0.17365588,-0.25083628,0,-0.07718039,0.17365588,0.17365588]');
INSERT INTO headwater.vector_documents_1 VALUES ('65bc9ae8-b20d-5b98-8228-c0b47eaae441', 'acme', 'canteen', 'mail', 1795997250869, 1795997250869, 1, 1099511627781, '5c643fd683dda839a8b05d85b8972d64', '{"n:year": [2024], "s:note": ["nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"], "s:section": ["ops"], "n:nested.list": [1], "s:nested.list": ["two"], "b:nested.list.deep": [false]}', '[-0.010290705,-0.4012702,-0.5740192,0.1732888,0.031951807,0.37906927,0.357948,0.097474955,0.0546926,-0.27076375,0.033031497,0.1743685,-0.08718425,0.18465921,0.097474955,-0.19494991]');
INSERT INTO headwater.vector_documents_1 VALUES ('7a106aea-4a56-56f5-a4d2-6fd1065fb822', 'acme', 'paged', NULL, 1795997250869, 1795997250869, 1, 1099511627782, '6effcc575c078432e36865b5f9e2983c', '{"n:code": [7]}', '[0,-0.039638646,0,0.25835606,0,0.28706232,-0.089539394,-0.49484733,0.21871743,0,0.12917803,-0.32473376,0.21871743,-0.42862627,0.41624033,-0.14695185]');
INSERT INTO headwater.vector_documents_1 VALUES ('91858a38-aea6-5ce5-a60d-e8b919f2df9b', 'globex', 'handbook', NULL, 1795997250966, 1795997250966, 1, 1099511627785, '35dfc0198b381433543ab744de2ce59c', '{"s:section": ["hr"]}', '[-0.3881223,-0.35074368,-0.11138473,0.30510104,0.10167988,0.1750577,0.12453191,0.055347513,0.2670327,-0.28644243,0.013147184,0.5437703,-0.2130646,0,0.12453191,0.22621179]');
INSERT INTO headwater.vector_documents_1 VALUES ('af123335-3ff0-5ea9-aaa8-2ba94d7580e0', 'acme', 'paged', NULL, 1795997250869, 1795997250869, 1, 1099511627782, '60558b64e6452518e36865b5f9e2983c', '{"n:code": [7]}', '[-0.053287353,-0.036790594,0,0.23979309,0.26643676,0.26643676,-0.3495427,-0.45929235,0.2030025,-0.26643676,0.06660919,-0.35468888,0.2030025,-0.39782932,0.119896546,-0.08310595]');
INSERT INTO headwater.vector_documents_1 VALUES ('f55b9c6a-5283-5069-a3a5-2c0b1c9142e9', 'acme', 'handbook', 'wiki', 1795997250869, 1795997250869, 1, 1099511627779, 'e3191e2ffcadf341918ff84f7edc6c81', '{"d:at": [1704067200000], "n:rate": [2.5], "n:year": [2026], "s:code": ["7"], "s:tags": ["leave", "family"], "s:section": ["hr"]}', '[-0.2257868,-0.634279,0.5031978,0.16236794,-0.25021905,0.10528018,-0.06391427,-0.20016246,-0.09148415,-0.14406551,0.2225317,-0.14394805,-0.08291094,-0.04825407,0.1716354,0.10615353]');
INSERT INTO headwater.vector_documents_1 VALUES ('21c9c5b2-4a28-5dd9-b9a6-f105b500c428', 'acme', 'travel', NULL, 1795997250869, 1795997251225, 2, 1099511627786, '95624ba1f9dbcae7694575c6e2c40cec', '{"b:open": [true], "n:rate": [3], "n:year": [2025], "s:section": ["ops"]}', '[-0.03293512,-0.57124436,0.102005586,-0.11774634,0.05162417,-0.024762081,0.2961726,-0.20475851,0.041284595,-0.058478963,0.06072099,0.52022547,-0.1791736,0.2684278,0.19786265,-0.3043867]');
INSERT INTO headwater.vector_documents_3 VALUES ('21c9c5b2-4a28-5dd9-b9a6-f105b500c428', 'acme', 'travel', NULL, 1795997250869, 1795997251225, 2, 1099511627786, '95624ba1f9dbcae7694575c6e2c40cec', '{"b:open": [true], "n:rate": [3], "n:year": [2025], "s:section": ["ops"]}', '[-0.03293512,-0.57124436,0.102005586,-0.11774634,0.05162417,-0.024762081,0.2961726,-0.20475851,0.041284595,-0.058478963,0.06072099,0.52022547,-0.1791736,0.2684278,0.19786265,-0.3043867]');
INSERT INTO headwater.vector_documents_3 VALUES ('5b0bdcce-e4fe-5ae8-adaf-d521af9d204d', 'acme', 'bare', NULL, 1795997250869, 1795997250869, 1, 1099511627783, '223f64e115017aa7c97fe579a38fdbd6', '{}', '[-0.17365588,-0.34731176,-0.17365588,0.52096766,0,0.17365588,0.17365588,0.38590196,-0.17365588,-0.38590196,0.17365588,-0.25083628,0,-0.07718039,0.17365588,0.17365588]');
INSERT INTO headwater.vector_documents_3 VALUES ('65bc9ae8-b20d-5b98-8228-c0b47eaae441', 'acme', 'canteen', 'mail', 1795997250869, 1795997250869, 1, 1099511627781, '5c643fd683dda839a8b05d85b8972d64', '{"n:year": [2024], "s:note": ["nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"], "s:section": ["ops"], "n:nested.list": [1], "s:nested.list": ["two"], "b:nested.list.deep": [false]}', '[-0.010290705,-0.4012702,-0.5740192,0.1732888,0.031951807,0.37906927,0.357948,0.097474955,0.0546926,-0.27076375,0.033031497,0.1743685,-0.08718425,0.18465921,0.097474955,-0.19494991]');
INSERT INTO headwater.vector_documents_3 VALUES ('7a106aea-4a56-56f5-a4d2-6fd1065fb822', 'acme', 'paged', NULL, 1795997250869, 1795997250869, 1, 1099511627782, '6effcc575c078432e36865b5f9e2983c', '{"n:code": [7]}', '[0,-0.039638646,0,0.25835606,0,0.28706232,-0.089539394,-0.49484733,0.21871743,0,0.12917803,-0.32473376,0.21871743,-0.42862627,0.41624033,-0.14695185]');
INSERT INTO headwater.vector_documents_3 VALUES ('91858a38-aea6-5ce5-a60d-e8b919f2df9b', 'globex', 'handbook', NULL, 1795997250966, 1795997250966, 1, 1099511627785, '35dfc0198b381433543ab744de2ce59c', '{"s:section": ["hr"]}', '[-0.3881223,-0.35074368,-0.11138473,0.30510104,0.10167988,0.1750577,0.12453191,0.055347513,0.2670327,-0.28644243,0.013147184,0.5437703,-0.2130646,0,0.12453191,0.22621179]');
INSERT INTO headwater.vector_documents_3 VALUES ('af123335-3ff0-5ea9-aaa8-2ba94d7580e0', 'acme', 'paged', NULL, 1795997250869, 1795997250869, 1, 1099511627782, '60558b64e6452518e36865b5f9e2983c', '{"n:code": [7]}', '[-0.053287353,-0.036790594,0,0.23979309,0.26643676,0.26643676,-0.3495427,-0.45929235,0.2030025,-0.26643676,0.06660919,-0.35468888,0.2030025,-0.39782932,0.119896546,-0.08310595]');
INSERT INTO headwater.vector_documents_3 VALUES ('f55b9c6a-5283-5069-a3a5-2c0b1c9142e9', 'acme', 'handbook', 'wiki', 1795997250869, 1795997250869, 1, 1099511627779, 'e3191e2ffcadf341918ff84f7edc6c81', '{"d:at": [1704067200000], "n:rate": [2.5], "n:year": [2026], "s:code": ["7"], "s:tags": ["leave", "family"], "s:section": ["hr"]}', '[-0.2257868,-0.634279,0.5031978,0.16236794,-0.25021905,0.10528018,-0.06391427,-0.20016246,-0.09148415,-0.14406551,0.2225317,-0.14394805,-0.08291094,-0.04825407,0.1716354,0.10615353]');
SELECT pg_catalog.setval('headwater.fences', 19, true);
SELECT pg_catalog.setval('headwater.generations_id_seq', 4, true);
SELECT pg_catalog.setval('headwater.text_documents_2_numbers', 13, true);
SELECT pg_catalog.setval('headwater.text_documents_4_numbers', 9, true);
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
ALTER TABLE ONLY headwater.text_documents_2
    ADD CONSTRAINT text_documents_2_pkey PRIMARY KEY (id);
ALTER TABLE ONLY headwater.text_documents_2_postings
    ADD CONSTRAINT text_documents_2_postings_pkey PRIMARY KEY (tenant, bucket, segment);
ALTER TABLE ONLY headwater.text_documents_2_segments
    ADD CONSTRAINT text_documents_2_segments_pkey PRIMARY KEY (tenant, segment);
ALTER TABLE ONLY headwater.text_documents_4
    ADD CONSTRAINT text_documents_4_pkey PRIMARY KEY (id);
ALTER TABLE ONLY headwater.text_documents_4_postings
    ADD CONSTRAINT text_documents_4_postings_pkey PRIMARY KEY (tenant, bucket, segment);
ALTER TABLE ONLY headwater.text_documents_4_segments
    ADD CONSTRAINT text_documents_4_segments_pkey PRIMARY KEY (tenant, segment);
ALTER TABLE ONLY headwater.vector_documents_1
    ADD CONSTRAINT vector_documents_1_pkey PRIMARY KEY (id);
ALTER TABLE ONLY headwater.vector_documents_3
    ADD CONSTRAINT vector_documents_3_pkey PRIMARY KEY (id);
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
CREATE INDEX text_documents_2_tenant_number_idx ON headwater.text_documents_2 USING btree (tenant, number);
CREATE INDEX text_documents_4_tenant_number_idx ON headwater.text_documents_4 USING btree (tenant, number);
CREATE INDEX vector_documents_1_tenant_idx ON headwater.vector_documents_1 USING btree (tenant);
CREATE INDEX vector_documents_3_tenant_idx ON headwater.vector_documents_3 USING btree (tenant);
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
CREATE POLICY headwater_owner ON headwater.text_documents_2 TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.text_documents_2_postings TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.text_documents_2_segments TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.text_documents_4 TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.text_documents_4_postings TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.text_documents_4_segments TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.vector_documents_1 TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_owner ON headwater.vector_documents_3 TO CURRENT_USER USING ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text)) WITH CHECK ((COALESCE(( SELECT current_setting('headwater.tenant'::text, true) AS current_setting), ''::text) = ''::text));
CREATE POLICY headwater_tenant ON headwater.blob_removals USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.chunks USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.commits USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.documents USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.embedding_reservations USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.embeddings USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.jobs USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.text_documents_2 USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.text_documents_2_postings USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.text_documents_2_segments USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.text_documents_4 USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.text_documents_4_postings USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.text_documents_4_segments USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.vector_documents_1 USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
CREATE POLICY headwater_tenant ON headwater.vector_documents_3 USING ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('headwater.tenant'::text, true) AS current_setting)));
ALTER TABLE headwater.jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.text_documents_2 ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.text_documents_2_postings ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.text_documents_2_segments ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.text_documents_4 ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.text_documents_4_postings ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.text_documents_4_segments ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.vector_documents_1 ENABLE ROW LEVEL SECURITY;
ALTER TABLE headwater.vector_documents_3 ENABLE ROW LEVEL SECURITY;
