"""Bounds of what people and programs may hand in to prove who they are. Unit in the name, origin in a comment."""

ACCOUNT_NAME_CHARS = 64
USER_NAME_CHARS = 64
PASSWORD_CHARS = 1024  # Argon2 takes any length; this bounds the work of one request
PASSWORD_MIN_CHARS = 12  # ASVS 6.2.1 wants 8 and advises 15
PASSWORD_TRIMMINGS = 6  # so many digits and signs around a common word make it no other word
PASSWORD_DISTINCT_CHARS = 5
PASSWORD_OWN_CHARS = 8  # so many are left when the names of user, account and product are taken out
INVITATION_HOURS = 72
KEYS_PER_USER = 2  # one in use and one being rotated in, as ApsaraMQ and AWS have it
KEY_REMARK_CHARS = 200
KEY_OVERLAP_SECONDS = 90 * 24 * 3600

AUTHORIZATION_BYTES = 4096
SIGNED_HEADER_COUNT = 32
QUERY_FIELD_COUNT = 256
SIGNATURE_SKEW_SECONDS = 300
NONCE_MIN_CHARS = 16  # 96 random bits in base64url
NONCE_MAX_CHARS = 64
# A request dated five minutes ahead stays valid for ten; its nonce must outlive that.
NONCE_KEEP_SECONDS = 2 * SIGNATURE_SKEW_SECONDS + 5

# --- the in-process cache of keys -------------------------------------------------------------------------------
KEY_CHECK_SECONDS = 1.0  # how often the version is compared
KEY_STALE_SECONDS = 2.0  # nothing older than this is trusted, whatever happens
KEY_CACHE_COUNT = 20_000
UNKNOWN_KEY_CACHE_COUNT = 2_000
KEY_USE_SECONDS = 60.0  # "last used" is written at most so often

# --- sign-in ----------------------------------------------------------------------------------------------------
SIGN_IN_FREE_COUNT = 5  # failures from one address before it has to wait
SIGN_IN_FREE_COUNT_NETWORK = 30  # failures of one address whatever the name
SIGN_IN_FREE_COUNT_ACCOUNT = 50  # failures of one account name from everywhere
SIGN_IN_KNOWN_SECONDS = 30 * 24 * 3600  # a network somebody signed in from is theirs for so long
SIGN_IN_FIRST_WAIT_SECONDS = 2
SIGN_IN_LONGEST_WAIT_SECONDS = 900
SIGN_IN_MEMORY_SECONDS = 3600

# --- sessions of the console ------------------------------------------------------------------------------------
FRESH_SECONDS = 300  # so long a proof of who somebody is counts for changing how they prove it
HALF_SIGNED_IN_SECONDS = 600  # from the password to the second factor
SESSION_TOUCH_SECONDS = 60  # "last seen" is written at most so often
SESSIONS_SHOWN = 100
SESSION_SWEEP_COUNT = 500

# --- policies ---------------------------------------------------------------------------------------------------
ROLES_PER_ACCOUNT = 100
TRUSTS_PER_ROLE = 100
ROLE_MIN_SECONDS = 60
ROLE_MAX_SECONDS = 12 * 3600  # as RAM has it
POLICY_NAME_CHARS = 128
POLICY_VERSION_COUNT = 5  # as RAM has it
POLICIES_PER_HOLDER = 20  # attached to one user or one group
POLICIES_PER_ACCOUNT = 1500  # RAM's highest
USERS_PER_ACCOUNT = 1000
GROUPS_PER_ACCOUNT = 50
GROUPS_PER_USER = 5
REMARK_CHARS = 200
REPORT_COUNT = 1000  # attachments and keys a report of unused rights looks at
REPORT_USE_COUNT = 50_000
READ_NOTE_SECONDS = 60  # the same read is written once in so long, and counted
AUDIT_SCAN_COUNT = 20_000  # a search by resource looks through so many entries a page
DENIAL_NOTE_SECONDS = 60  # the same denial is written once in so long, and counted
DENIAL_NOTE_COUNT = 120  # and so many in that time for one login, whatever they ask for; the rest is one count
DENIAL_KEPT_COUNT = 20_000  # different denials a process counts at a time

# --- sign-in through an OpenID provider -------------------------------------------------------------------------
OPENID_BELIEVED_SECONDS = 3600  # a provider's description and keys
OPENID_KEYS_AGAIN_SECONDS = 30  # an unknown key makes us read them again, at most so often
OPENID_WAIT_SECONDS = 5
OPENID_ANSWER_BYTES = 256 * 1024
OPENID_LEEWAY_SECONDS = 60  # clocks differ
OPENID_SUBJECT_CHARS = 255  # OpenID Connect Core, 2

# --- second factors ---------------------------------------------------------------------------------------------
FACTORS_PER_USER = 10
FACTOR_NAME_CHARS = 64
CODE_CHARS = 64
RECOVERY_CODE_COUNT = 10
PASSKEY_ANSWER_CHARS = 64 * 1024
