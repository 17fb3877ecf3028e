"""The management API under /api/v1, with Django REST framework. The hot message routes are `doors.http`'s."""
