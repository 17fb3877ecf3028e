"""The policies every account has: nobody writes them, nobody changes them.

Owns: their names and documents. Called by: `policy_cache`, pages and the API that list them.
"""

import json
from collections.abc import Mapping

_SEE = ["mq:QueryInstanceBaseInfo", "mq:ListTopic", "mq:QueryTopic"]


def _document(*actions: str) -> str:
    return json.dumps(
        {"Version": "1", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "acs:mq:*:*:*"}]},
        indent=2,
    )


# name → document
POLICIES: Mapping[str, str] = {
    "FullAccess": _document("mq:*"),
    "PubOnly": _document("mq:PUB", *_SEE),
    "SubOnly": _document("mq:SUB", *_SEE, "mq:ListGroup", "mq:QueryGroup", "mq:QueryConsumerOffset"),
    "ReadOnly": _document("mq:Query*", "mq:List*"),
}
