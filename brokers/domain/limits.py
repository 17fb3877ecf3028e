"""Every bound on what comes from outside, with its unit in the name and its origin in a comment.

Owns: numbers. Must not know: who enforces them. Called by: every room.
"""

# --- names (apache/rocketmq common/.../topic/TopicValidator.java) -----------------------------------------------
TOPIC_NAME_CHARS = 127
GROUP_NAME_CHARS = 120  # so that %RETRY%<group> fits
DERIVED_TOPIC_NAME_CHARS = 255
INSTANCE_NAME_CHARS = 64
REMARK_CHARS = 500

# --- messages (apache/rocketmq store/.../MessageStoreConfig.java: maxMessageSize 4 MiB) --------------------------
BODY_BYTES = 4 * 1024 * 1024
PROPERTIES_BYTES = 16 * 1024
PROPERTY_COUNT = 128
TAG_CHARS = 128
KEY_CHARS = 128
KEY_COUNT = 64
MESSAGE_ID_CHARS = 64
SHARDING_KEY_CHARS = 64
DEDUP_ID_CHARS = 128
DELAY_MAX_SECONDS = 40 * 24 * 3600  # ApsaraMQ's longest delay
BATCH_MESSAGE_COUNT = 1000
# A request with a batch may hold many bodies; base64 adds a third.
BATCH_REQUEST_BYTES = 16 * 1024 * 1024
SEND_REQUEST_BYTES = 6 * 1024 * 1024
SMALL_REQUEST_BYTES = 1024 * 1024

# --- consuming --------------------------------------------------------------------------------------------------
QUEUE_COUNT_DEFAULT = 8
QUEUE_COUNT_MAX = 128
RECEIVE_MESSAGE_COUNT = 256
RECEIVE_RESPONSE_BYTES = 16 * 1024 * 1024
RECEIVE_TOPIC_COUNT = 32
RECEIPT_COUNT = 1000
RECEIPT_CHARS = 800  # a client id of 128 characters of four bytes, in base64
WAIT_SECONDS = 30
INVISIBLE_MIN_SECONDS = 1
INVISIBLE_MAX_SECONDS = 12 * 3600  # apache/rocketmq proxy: 12 h
DEFAULT_INVISIBLE_SECONDS = 30
DEFAULT_MAX_ATTEMPTS = 16  # apache/rocketmq SubscriptionGroupConfig.retryMaxTimes
MAX_ATTEMPTS = 1000
BACKOFF_STEP_COUNT = 100
BACKOFF_MAX_SECONDS = 24 * 3600
CLIENT_ID_CHARS = 128
ERROR_TEXT_CHARS = 2000
FILTER_TAG_COUNT = 64
FILTER_CHARS = 2000
SQL_FILTER_CHARS = 4000
SQL_FILTER_DEPTH = 32  # brackets, NOT and signs within one another
# One receive looks at no more messages than this when a filter passes few of them.
FILTER_SCAN_COUNT = 2000

# --- transactions (apache/rocketmq BrokerConfig: transactionTimeOut 6 s, transactionCheckInterval 30 s, 15 checks) ---
IMMUNITY_MAX_SECONDS = 24 * 3600
CHECK_INTERVAL_MAX_SECONDS = 24 * 3600
CHECK_COUNT_MAX = 1000
CHECK_CLAIM_COUNT = 64  # checks one turn of a broker worker takes up
CHECK_POLL_COUNT = 32  # checks one poll may ask for
CHECK_HISTORY_COUNT = 100
PRODUCER_GROUP_COUNT = 1000  # of one instance: each name a producer gives makes one
TRANSACTION_ID_CHARS = 64
WEBHOOK_URL_CHARS = 500
WEBHOOK_SECONDS = 10
WEBHOOK_ANSWER_BYTES = 16 * 1024
WEBHOOK_SIDE_BY_SIDE = 16

# --- requests ---------------------------------------------------------------------------------------------------
IDEMPOTENCY_KEY_CHARS = 200
PAGE_DEFAULT = 50
PAGE_MAX = 500
JSON_DEPTH = 16
INT64_MAX = 2**63 - 1
SIGNATURE_SKEW_SECONDS = 300
NONCE_CHARS = 64

# --- waiting callers ---------------------------------------------------------------------------------------------
DISPATCH_WAITING_COUNT = 20_000
PARKED_POLL_COUNT = 50_000

# --- request and reply ---------------------------------------------------------------------------------------------
REQUEST_DEFAULT_SECONDS = 3  # apache/rocketmq DefaultMQProducer.sendMsgTimeout
REQUEST_SECONDS = 600
REQUEST_KEPT_SECONDS = 600  # so long after its end a request is still known, for those who answer late
REQUEST_OPEN_COUNT = 10_000  # of one instance
REPLY_COUNT = 100  # of one request
REPLIES_BYTES = 16 * 1024 * 1024  # of one request, in Redis
CORRELATION_ID_CHARS = 64
REPLY_ADDRESS_CHARS = 1200
REQUEST_EXPIRY_COUNT = 500

# --- bulk work: rows of one transaction -------------------------------------------------------------------------
REDRIVE_BATCH_COUNT = 200
SCHEDULE_BATCH_COUNT = 500
LEASE_SCAN_COUNT = 500
SCAN_ROW_COUNT = 20_000  # a console search reads no more rows than this before it says "truncated"
SCAN_BODY_BYTES = 64 * 1024 * 1024  # and looks for a text in no more bytes of bodies than this
SEARCH_TEXT_CHARS = 1000
SEARCH_QUEUE_COUNT = 1000  # a search that names no topic looks through at most so many queues
MESSAGE_COPY_COUNT = 200  # a message's page shows no more copies, attempts and dead letters than this of each
REDRIVE_ID_COUNT = 1000  # dead letters picked by hand for one redrive
REDRIVE_SAMPLE_COUNT = 20
REDRIVE_BATCH_BYTES = 32 * 1024 * 1024
REDRIVE_RATE_MAX_PER_SECOND = 10_000
RESET_RANGE_COUNT = 10_000  # settled ranges above a low mark that one reset takes, of all queues
HINT_NAME_COUNT = 300  # a page of 50 rows shows far fewer objects

# --- the remoting door (apache/rocketmq NettyDecoder.java: frames of at most 16 MiB) ------------------------------
FRAME_BYTES = 16 * 1024 * 1024
FRAME_BYTES_UNKNOWN = 64 * 1024  # before the peer has said who it is
FRAME_HEADER_BYTES = 64 * 1024
CONNECTION_REQUEST_COUNT = 1024  # requests of one connection under way; further ones wait in its socket
CONNECTION_COUNT = 10_000
CONNECTION_IDLE_SECONDS = 120
CONNECTION_FRAME_SECONDS = 120  # from a frame's first byte to its last: 16 MiB at 1.1 Mbit/s
PULL_MESSAGE_COUNT = 256
PULL_BYTES = 4 * 1024 * 1024
PULL_WAIT_SECONDS = 60
MEMBER_TOPIC_COUNT = 256  # subscriptions of one group in one heartbeat
MEMBER_GROUP_COUNT = 64
QUEUE_LOCK_COUNT = 2000
QUEUE_OFFSET_MAX = 2**40 - 1  # an offset and its queue's id share one 64-bit number there
TOPIC_LIST_COUNT = 20_000
CLIENT_SETTING_NAME_CHARS = 255  # RocketMQ's "KV config", kept for clients
CLIENT_SETTING_VALUE_CHARS = 4000
CLIENT_SETTING_COUNT = 1000  # of an account
RELAY_COUNT = 200  # questions of other processes to clients here, under way at once
